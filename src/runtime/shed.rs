//! What is verified at all. Signatures cost a thousand times what it costs to
//! send rubbish, so there is a budget for strangers, and one for each of those
//! on whom something depends, which no stranger can use up.

use crate::base::{ExpiringMap, Instant, PublicKey};
use core::time::Duration;

/// The drop reason of what was over the budget, before it was verified.
pub const SHED: &str = "shed";

/// One message of strangers in so long is verified.
const STRANGERS_EVERY: Duration = Duration::from_millis(5);

/// So many at once, after a silence.
pub const STRANGERS_BURST: u32 = 256;

/// One message in so long under the key of somebody who counts.
const FAVOURED_EVERY: Duration = Duration::from_millis(33);

/// So many at once, after a silence.
const FAVOURED_BURST: u32 = 64;

/// Keys whose budgets are remembered.
const FAVOURED_MAX: usize = 1_024;
const FAVOURED_FOR: Duration = Duration::from_secs(60);

/// The budgets.
pub(super) struct Budget {
    /// When everything that was let through would have come, one by one.
    strangers: Instant,
    favoured: ExpiringMap<PublicKey, Instant>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            strangers: Instant::default(),
            favoured: ExpiringMap::new(FAVOURED_MAX, FAVOURED_FOR),
        }
    }
}

impl Budget {
    /// Whether a message is worth a verification: under a key that counts, or
    /// of anybody.
    pub(super) fn spend(&mut self, now: Instant, favoured: Option<PublicKey>) -> bool {
        let Some(key) = favoured else {
            let next = spend(self.strangers, now, STRANGERS_EVERY, STRANGERS_BURST);
            self.strangers = next.unwrap_or(self.strangers);
            return next.is_some();
        };
        let before = self.favoured.get(now, &key).copied().unwrap_or_default();
        let next = spend(before, now, FAVOURED_EVERY, FAVOURED_BURST);
        if let Some(next) = next {
            self.favoured.insert(now, key, next);
        }
        next.is_some()
    }

    pub(super) fn load(&self) -> (usize, usize) {
        self.favoured.load()
    }
}

/// The generic cell rate algorithm (ITU-T I.371, annex A): one time for each
/// budget, and no timer.
fn spend(due: Instant, now: Instant, every: Duration, burst: u32) -> Option<Instant> {
    let due = due.max(now);
    (due - now < every * burst).then(|| due + every)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn heard(budget: &mut Budget, now: Instant, key: Option<PublicKey>, offered: u32) -> u32 {
        (0..offered)
            .map(|_| u32::from(budget.spend(now, key)))
            .sum()
    }

    #[test]
    fn strangers_are_heard_in_a_burst_and_then_two_hundred_times_a_second() {
        let mut budget = Budget::default();
        assert_eq!(heard(&mut budget, at(0), None, 10_000), STRANGERS_BURST);
        assert_eq!(heard(&mut budget, at(1_000), None, 10_000), 200);
        assert_eq!(
            heard(&mut budget, at(60_000), None, 10_000),
            STRANGERS_BURST
        );
    }

    #[test]
    fn no_flood_of_strangers_or_under_another_key_uses_up_what_is_for_one() {
        let mut budget = Budget::default();
        let key = |n| Some(PublicKey([n; 32]));
        heard(&mut budget, at(0), None, 10_000);
        heard(&mut budget, at(0), key(1), 10_000);
        assert_eq!(heard(&mut budget, at(0), key(2), 10_000), FAVOURED_BURST);
        assert_eq!(heard(&mut budget, at(330), key(2), 10_000), 10);
    }
}
