//! The simulation: whole naras in one process, a broker that speaks MQTT as
//! bytes, virtual time and one seeded generator. Links and hosts fail in every
//! way; then all heals, and the naras must come together again.
#![allow(
    dead_code,
    unused_imports,
    reason = "the command and the tests use what they need"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a simulation stops where its own assumptions fail"
)]

mod broker;
mod checks;
mod faults;
pub(crate) mod forms;
mod gateway;
mod host;
mod idle;
mod lies;
mod limits;
mod marks;
mod plaza;
mod probe;
mod secrets;
mod storm;
mod user;
mod vice;
mod world;

pub(crate) use idle::idle;
pub(crate) use world::run;

use std::collections::VecDeque;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) naras: usize,
    pub(crate) minutes: u64,
    /// Whether log lines are kept.
    pub(crate) is_logged: bool,
}

/// How one seed ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// A hash over everything that was delivered, and when.
    pub(crate) trace: u64,
    /// Inputs that naras took.
    pub(crate) steps: u64,
    /// Sets that were reported as saved.
    pub(crate) saved: u64,
    /// Calls that ended, each once.
    pub(crate) calls: u64,
    /// Requests that a gateway handed over.
    pub(crate) meshed: u64,
    /// Naras that ended without a word.
    pub(crate) crashes: u64,
    /// Everything else that happened to a nara, or to the broker.
    pub(crate) mishaps: u64,
    /// Messages lost, doubled, delayed or damaged.
    pub(crate) faults: u64,
    /// Owners of whose memory no copy was left anywhere.
    pub(crate) lost: u64,
    /// Revisions that were written twice, because the newest was out of reach
    /// when its owner woke.
    pub(crate) forks: u64,
    /// Memories recovered where somebody could give them who was well.
    pub(crate) recoveries: u64,
    /// Seconds from the healing until everybody was whole.
    pub(crate) healed_after: u64,
    /// Seconds to there from the last connection and the last loss noticed.
    pub(crate) whole_after: u64,
    /// Simulated seconds, the healing among them.
    pub(crate) seconds: u64,
    /// The first promise that was broken.
    pub(crate) failure: Option<String>,
    /// The last log lines, in simulated time.
    pub(crate) log: VecDeque<String>,
}

impl Outcome {
    /// Sums up seeds; of what is a time, the longest counts.
    pub(crate) fn add(&mut self, one: &Self) {
        self.steps += one.steps;
        self.saved += one.saved;
        self.calls += one.calls;
        self.meshed += one.meshed;
        self.crashes += one.crashes;
        self.mishaps += one.mishaps;
        self.faults += one.faults;
        self.lost += one.lost;
        self.forks += one.forks;
        self.recoveries += one.recoveries;
        self.seconds += one.seconds;
        self.healed_after = self.healed_after.max(one.healed_after);
        self.whole_after = self.whole_after.max(one.whole_after);
    }
}
