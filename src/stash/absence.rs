//! How long owners are away, as far as this nara was there to see it.

use super::confidant::Confidant;
use crate::base::{Gather, Identity, Instant, WallTime};
use crate::runtime::Context;
use core::time::Duration;

/// How often absence is looked at.
pub const PRUNE_EVERY: Duration = Duration::from_secs(5 * 60);

/// An owner that was seen to be away for longer is not waited for.
pub const ABSENT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// After the clock jumped nothing is counted for so long.
const DISTRUST_FOR: Duration = Duration::from_secs(24 * 3600);

/// The two clocks may drift apart by so much between two looks.
const DRIFT_MAX: Duration = Duration::from_secs(30);

/// Tells how much of the time that passed was observed.
#[derive(Default)]
pub(super) struct Observer {
    look_at: Option<Instant>,
    last: Option<Look>,
    distrust_until: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Look {
    mono: Instant,
    wall: WallTime,
    connected: bool,
}

impl Observer {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.look_at
    }

    /// Time since the last look in which this nara was awake and connected,
    /// by clocks that can be trusted.
    fn look(&mut self, look: Look) -> Duration {
        let Some(last) = self.last.replace(look) else {
            return Duration::ZERO;
        };
        let passed = look.mono - last.mono;
        let expected = i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX);
        let expected = WallTime::from_unix_nanos(last.wall.unix_nanos().saturating_add(expected));
        let drift = expected.distance(look.wall);
        // A wall clock that is up to a day ahead of the other one is what a
        // sleep looks like where the monotonic clock stands still meanwhile.
        let slept = passed > PRUNE_EVERY * 2 || drift > DRIFT_MAX;
        if drift > DRIFT_MAX && (look.wall < expected || drift > DISTRUST_FOR) {
            self.distrust_until = Some(look.mono + DISTRUST_FOR);
        }
        let trusted = self.distrust_until.is_none_or(|until| until <= look.mono);
        if slept || !trusted || !last.connected || !look.connected {
            return Duration::ZERO;
        }
        passed
    }
}

impl Confidant {
    /// Looks after whoever is away, if it is time.
    pub(super) fn watch_absence(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        if self.observer.look_at.is_some_and(|at| at > now.mono) {
            return;
        }
        self.observer.look_at = Some(now.mono + PRUNE_EVERY);
        let observed = self.observer.look(Look {
            mono: now.mono,
            wall: ctx.clock().uncorrected(),
            connected: ctx.is_connected(),
        });
        let owners: Vec<Identity> = self.held().keys().cloned().gather();
        for owner in owners {
            if ctx.peers().is_online(&owner) {
                self.owner_is_here(now.mono, &owner);
                continue;
            }
            self.owner_is_away(&owner);
            let Some(held) = self.held_mut(&owner) else {
                continue;
            };
            held.place.absent += observed;
            if held.place.absent > ABSENT_MAX {
                self.remove(&owner);
                self.prunings += 1;
                ctx.log().info(format!(
                    "{} was away for more than 7 days; its stash is let go",
                    owner.id
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 300;

    fn observer() -> Observer {
        let mut observer = Observer::default();
        observer.look(look(0, 0, true));
        observer
    }

    fn look(mono: u64, wall: i64, connected: bool) -> Look {
        Look {
            mono: Instant::from_micros(mono * 1_000_000),
            wall: WallTime::from_unix_seconds(1_768_756_453 + wall),
            connected,
        }
    }

    #[test]
    fn time_counts_only_while_awake_and_connected() {
        let mut observer = observer();
        assert_eq!(observer.look(look(300, 300, true)).as_secs(), STEP);
        assert_eq!(observer.look(look(600, 600, false)).as_secs(), 0);
        assert_eq!(observer.look(look(900, 900, true)).as_secs(), 0);
        assert_eq!(observer.look(look(1_200, 1_200, true)).as_secs(), STEP);
        // A sleep of eight hours, by a clock that goes on and by one that stops.
        assert_eq!(observer.look(look(30_000, 30_000, true)).as_secs(), 0);
        assert_eq!(observer.look(look(30_300, 59_100, true)).as_secs(), 0);
        assert_eq!(observer.look(look(30_600, 59_400, true)).as_secs(), STEP);
    }

    #[test]
    fn nothing_counts_within_a_day_of_a_clock_jump() {
        for jump in [-3_600, 8 * 24 * 3_600] {
            let mut observer = observer();
            assert_eq!(observer.look(look(300, 300 + jump, true)).as_secs(), 0);
            let day = 24 * 3_600;
            for n in 2..=288 {
                let (mono, wall) = (300 * n, 300 * n as i64 + jump);
                assert_eq!(observer.look(look(mono, wall, true)).as_secs(), 0);
            }
            let (mono, wall) = (day + 300, day as i64 + 300 + jump);
            assert_eq!(observer.look(look(mono, wall, true)).as_secs(), STEP);
        }
    }
}
