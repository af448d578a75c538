//! Who is there, for how long, and what an owner asks for.

use light_nara::base::Rng;
use light_nara::neighbourhood::MemoryMode;

const MINUTE: f64 = 60.0;
const DAY: f64 = 24.0 * 3_600.0;

/// How long somebody stays each time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stay {
    /// Exponential, with this mean in seconds: a tab.
    Tab(f64),
    /// Pareto from one minute with exponent 1.1, at most three days: half of
    /// the tabs are closed within two minutes, few stay for long.
    HeavyTail,
    /// Exponential, with this mean in seconds; back after a minute. It crashes,
    /// and passes nothing on.
    Server(f64),
    /// It never goes.
    Always,
}

impl Stay {
    pub(crate) fn draw(self, rng: &mut Rng) -> Option<f64> {
        match self {
            Self::Tab(mean) | Self::Server(mean) => Some(exponential(rng, mean)),
            Self::HeavyTail => {
                let tail = MINUTE * unit(rng).powf(-1.0 / 1.1);
                Some(tail.min(3.0 * DAY))
            }
            Self::Always => None,
        }
    }

    pub(crate) fn is_server(self) -> bool {
        matches!(self, Self::Server(_) | Self::Always)
    }
}

/// In (0, 1].
fn unit(rng: &mut Rng) -> f64 {
    (f64::from(rng.below(u32::MAX)) + 1.0) / f64::from(u32::MAX)
}

pub(crate) fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    -mean * unit(rng).ln()
}

/// So many peers of one kind.
#[derive(Clone, Copy)]
pub(crate) struct Seats {
    pub(crate) count: usize,
    pub(crate) stay: Stay,
    pub(crate) mode: MemoryMode,
}

/// What owners and holders do about it.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) target: usize,
    pub(crate) spares: usize,
    pub(crate) hands_off: bool,
}

/// What the project does where nothing is said.
pub(crate) const USUAL: Policy = Policy {
    name: "3 and 2 spares",
    target: 3,
    spares: 2,
    hands_off: true,
};

const NO_SPARES: Policy = Policy {
    name: "3",
    spares: 0,
    ..USUAL
};

const NO_HANDOFF: Policy = Policy {
    name: "3 and 2 spares, no hand-off",
    hands_off: false,
    ..USUAL
};

const MOST: Policy = Policy {
    name: "7 and 2 spares",
    target: 7,
    ..USUAL
};

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) seats: &'static [Seats],
    pub(crate) owners_per_peer: usize,
    pub(crate) policy: Policy,
    /// The most losses in a thousand owner-days, where that was promised.
    pub(crate) limit: Option<f64>,
}

const fn seats(count: usize, stay: Stay, mode: MemoryMode) -> Seats {
    Seats { count, stay, mode }
}

const TAB: Stay = Stay::Tab(10.0 * MINUTE);
const DAILY: Stay = Stay::Server(DAY);
const WEEKLY: Stay = Stay::Server(7.0 * DAY);

const TABS: &[Seats] = &[seats(30, TAB, MemoryMode::Medium)];
const SHORT_TABS: &[Seats] = &[seats(30, TAB, MemoryMode::Short)];
const ONE_SERVER: &[Seats] = &[
    seats(29, TAB, MemoryMode::Medium),
    seats(1, Stay::Always, MemoryMode::Hog),
];
const ONE_MEDIUM: &[Seats] = &[
    seats(29, TAB, MemoryMode::Medium),
    seats(1, Stay::Always, MemoryMode::Medium),
];
const FIVE_SERVERS: &[Seats] = &[
    seats(25, TAB, MemoryMode::Medium),
    seats(5, DAILY, MemoryMode::Hog),
];
const SERVERS: &[Seats] = &[seats(30, WEEKLY, MemoryMode::Hog)];
const HEAVY: &[Seats] = &[seats(30, Stay::HeavyTail, MemoryMode::Medium)];

const fn mix(id: &'static str, title: &'static str, seats: &'static [Seats], owners: usize) -> Mix {
    Mix {
        id,
        title,
        seats,
        owners_per_peer: owners,
        policy: USUAL,
        limit: None,
    }
}

const fn under(policy: Policy, mix: Mix) -> Mix {
    Mix { policy, ..mix }
}

const fn at_most(limit: f64, mix: Mix) -> Mix {
    Mix {
        limit: Some(limit),
        ..mix
    }
}

/// The rows, in their order.
pub(crate) const MIXES: &[Mix] = &[
    at_most(
        0.0,
        mix(
            "server",
            "29 tabs and an always-on server (hog)",
            ONE_SERVER,
            1,
        ),
    ),
    at_most(
        0.0,
        mix(
            "server-medium",
            "the same, the server medium",
            ONE_MEDIUM,
            1,
        ),
    ),
    at_most(1.0, mix("tabs", "30 tabs", TABS, 1)),
    under(MOST, mix("tabs-most", "30 tabs", TABS, 1)),
    under(NO_SPARES, mix("tabs-bare", "30 tabs", TABS, 1)),
    under(NO_HANDOFF, mix("tabs-alone", "30 tabs", TABS, 1)),
    mix("tabs-short", "30 tabs (short)", SHORT_TABS, 1),
    mix("tabs-3", "30 tabs", TABS, 3),
    mix("tabs-10", "30 tabs", TABS, 10),
    mix(
        "server-10",
        "29 tabs and an always-on server (hog)",
        ONE_SERVER,
        10,
    ),
    mix(
        "five",
        "25 tabs and 5 servers (hog), each down once a day",
        FIVE_SERVERS,
        1,
    ),
    mix(
        "servers",
        "30 servers (hog), each down once a week",
        SERVERS,
        1,
    ),
    mix("heavy", "30 tabs, heavy tails", HEAVY, 1),
];
