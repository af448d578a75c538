//! One machine with one nara, what its user knows, and what must always hold
//! of it.

use super::broker::Client;
use light_nara::base::{Identity, Instant, Now, WallTime};
use light_nara::identity::Keys;
use light_nara::nara::Nara;
use light_nara::neighbourhood::PEERS_MAX;
use light_nara::stash::{OperationId, codec};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The true time at which a simulation begins.
const EPOCH: i64 = 1_768_756_453_000_000_000;

/// How late an operation may end: a timer of the simulation is never late, but
/// a fault may come between.
const SLACK: u64 = 2_000_000;

/// In every memory, and never in a frame.
pub(super) const CANARY: &str = "cAnArY";

/// What reaches a host from outside.
#[derive(Clone)]
pub(super) enum Input {
    Opened,
    Closed,
    Data(Rc<[u8]>),
}

pub(super) struct Host {
    pub(super) soul: String,
    pub(super) keys: Keys,
    pub(super) nara: Option<Nara>,
    /// Counts instances, so that what was meant for an older one is dropped.
    pub(super) life: u32,
    /// Counts sockets, likewise.
    pub(super) socket: u32,
    pub(super) client: Option<Client>,
    pub(super) latency: u64,
    pub(super) cut_until: u64,
    pub(super) dozes_until: u64,
    pub(super) inbox: Vec<(u32, Input)>,
    pub(super) skew: i64,
    pub(super) frozen: Option<i64>,
    pub(super) slow: u64,
    pub(super) busy_until: u64,
    pub(super) operations: Vec<(OperationId, u64)>,
    /// What was set, by revision. A nara that began anew may use one twice.
    pub(super) written: BTreeMap<u64, Vec<String>>,
    /// The newest revision that was reported as saved.
    pub(super) saved: Option<u64>,
    pub(super) sets: u64,
    /// The revision held for each owner now, and the time of its store.
    pub(super) held: BTreeMap<usize, (u64, i64)>,
    /// The highest ever held for each owner.
    pub(super) held_ever: BTreeMap<usize, u64>,
}

impl Host {
    pub(super) fn now(&self, micros: u64) -> Now {
        let wall = EPOCH + micros as i64 * 1_000 + self.skew;
        Now {
            mono: Instant::from_micros(micros),
            wall: WallTime::from_unix_nanos(self.frozen.unwrap_or(wall)),
        }
    }

    pub(super) fn who(&self) -> &Identity {
        self.keys.identity()
    }

    pub(super) fn is_cut(&self, micros: u64) -> bool {
        micros < self.cut_until
    }

    pub(super) fn dozes(&self, micros: u64) -> bool {
        micros < self.dozes_until
    }

    /// An operation ends once and in time.
    pub(super) fn end(&mut self, operation: OperationId) -> Result<(), String> {
        let found = self
            .operations
            .iter()
            .position(|(one, _)| *one == operation);
        match found {
            Some(place) => {
                self.operations.swap_remove(place);
                Ok(())
            }
            None => Err(format!("{operation:?} ended twice")),
        }
    }

    /// What must hold of this nara alone, whatever happens.
    pub(super) fn check(&self, micros: u64) -> Result<(), String> {
        let Some(nara) = &self.nara else {
            return Ok(());
        };
        let late = |until: &u64| until.max(&self.dozes_until) + SLACK < micros;
        if let Some((operation, _)) = self.operations.iter().find(|(_, until)| late(until)) {
            return Err(format!("{operation:?} is beyond its deadline"));
        }
        let peers = nara.runtime().peers().len();
        if peers > PEERS_MAX {
            return Err(format!("{peers} peers are remembered"));
        }
        let confidant = nara.stash().unwrap().confidant();
        let (held, limit) = (confidant.held().len(), confidant.limit());
        if held > limit {
            return Err(format!("{held} stashes are held, of at most {limit}"));
        }
        if confidant.prunings() > 0 {
            return Err("a stash was let go within 7 days".to_owned());
        }
        Ok(())
    }

    /// No frame shows a memory or a soul.
    pub(super) fn check_frame(&self, frame: &[u8]) -> Result<(), String> {
        for secret in [CANARY, &self.soul] {
            let secret = secret.as_bytes();
            let starts = frame
                .iter()
                .enumerate()
                .filter(|(_, one)| **one == secret[0]);
            for (at, _) in starts {
                if frame[at..].starts_with(secret) {
                    return Err("a secret is in a frame".to_owned());
                }
            }
        }
        Ok(())
    }

    /// The revision inside what somebody holds for this owner.
    pub(super) fn revision_of(&self, nonce: &[u8; 24], sealed: &[u8]) -> Option<u64> {
        let plaintext = self.keys.open(nonce, sealed).ok()?;
        Some(codec::decode(&plaintext).ok()?.memory.revision)
    }
}
