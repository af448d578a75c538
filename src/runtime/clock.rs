//! How far this nara's clock is from its peers', and whether a time is recent.

use crate::base::{ExpiringMap, Gather, Instant, Now, PublicKey, WallTime, sort_by_key};
use core::time::Duration;

/// A message's time may differ so much from now.
pub const WINDOW: Duration = Duration::from_secs(30);

/// Peers whose clocks are remembered.
pub const SAMPLES_MAX: usize = 16;

/// For how long a measured clock is believed.
const SAMPLES_FOR: Duration = Duration::from_secs(60 * 60);

/// So many peers whose clocks agree are enough to keep to one's own: names and
/// keys cost nothing, so any number of others may have been made up.
const AGREEING_ENOUGH: usize = 2;

/// Samples that disagree may fill half of the room and no more.
const DISAGREEING_MAX: usize = SAMPLES_MAX / 2;

/// A wall clock that moved by more against the other one was set.
const TOLERATED: Duration = Duration::from_secs(5);

/// The wall clock, and what replies of peers tell about it.
///
/// A sample is the time of a signed reply against the middle of the span in
/// which it must have been made. Each key counts once, so that one peer that
/// answers often is still one voice. This nara's own clock is a voice, too:
/// whoever is alone with a clock that is off yields to the others, and the
/// others do not yield to it, nor to any number of identities made up for it.
pub struct Clock {
    /// The driver's clocks, when they were last read.
    read: Now,
    /// How far the wall clock fell behind the other one since samples were
    /// last made to follow.
    drift: i64,
    samples: ExpiringMap<PublicKey, Sample>,
    offset: Option<i64>,
    voices: usize,
    agreeing: usize,
}

struct Sample {
    nanos: i64,
    proven: bool,
}

impl Sample {
    /// Whether the peer's clock and the driver's are close enough to talk.
    fn agrees(&self) -> bool {
        self.nanos.unsigned_abs() <= WINDOW.as_nanos() as u64
    }
}

impl Clock {
    pub(super) fn new(now: Now) -> Self {
        Self {
            read: now,
            drift: 0,
            samples: ExpiringMap::new(SAMPLES_MAX, SAMPLES_FOR),
            offset: None,
            voices: 0,
            agreeing: 0,
        }
    }

    /// Takes what the driver reads and gives the time to go by. A wall clock
    /// that was set meanwhile makes every sample worthless; one that runs slow
    /// or stands still moves them with it.
    pub(super) fn read(&mut self, now: Now) -> Now {
        let passed = nanos(now.mono - self.read.mono);
        let expected = self.read.wall.unix_nanos().saturating_add(passed);
        let behind = expected.saturating_sub(now.wall.unix_nanos());
        self.read = now;
        if behind.unsigned_abs() > TOLERATED.as_nanos() as u64 {
            self.drift = 0;
            self.samples = ExpiringMap::new(SAMPLES_MAX, SAMPLES_FOR);
            self.settle(now.mono);
        } else {
            self.drift = self.drift.saturating_add(behind);
            if self.drift.unsigned_abs() > TOLERATED.as_nanos() as u64 {
                self.follow();
            }
        }
        self.now()
    }

    /// Peers' clocks went on while the driver's wall clock did not.
    fn follow(&mut self) {
        let drift = core::mem::take(&mut self.drift);
        if drift != 0 {
            for sample in self.samples.values_mut() {
                sample.nanos = sample.nanos.saturating_add(drift);
            }
            self.settle(self.read.mono);
        }
    }

    /// The time to go by: the driver's, corrected once at least two peers
    /// agree that it is off.
    pub fn now(&self) -> Now {
        Now {
            mono: self.read.mono,
            wall: self.corrected(self.read.wall),
        }
    }

    /// What the driver's wall clock says.
    pub fn uncorrected(&self) -> WallTime {
        self.read.wall
    }

    /// What the driver's wall clock says, put right.
    pub fn corrected(&self, wall: WallTime) -> WallTime {
        shifted(wall, self.correction())
    }

    /// Peers' time less the driver's, if any peer has told its time.
    pub fn offset_ms(&self) -> Option<i64> {
        self.offset.map(|nanos| nanos / 1_000_000)
    }

    /// Whether it is further from the peers' than messages may be. One peer
    /// alone may be the one that is off.
    pub fn is_off(&self) -> bool {
        self.offset.is_some_and(|offset| {
            self.voices > 1 && offset.unsigned_abs() > WINDOW.as_nanos() as u64
        })
    }

    /// Whether the time to go by is the peers' and not the driver's.
    pub fn is_corrected(&self) -> bool {
        self.correction() != 0
    }

    /// Whether a time is recent.
    ///
    /// # Errors
    /// `too_old` or `from_the_future`.
    pub fn judge(&self, time: WallTime) -> Result<(), &'static str> {
        let now = self.now().wall;
        // With one peer nobody can say whose clock is off, so both count.
        let theirs = self.offset.filter(|_| self.voices < 2);
        let theirs = theirs.map(|offset| shifted(now, offset));
        if now.distance(time) <= WINDOW || theirs.is_some_and(|at| at.distance(time) <= WINDOW) {
            return Ok(());
        }
        Err(if time < now {
            "too_old"
        } else {
            "from_the_future"
        })
    }

    /// Whether a time lies further ahead than any clock here and there does.
    pub fn is_ahead(&self, time: WallTime) -> bool {
        self.judge(time) == Err("from_the_future")
    }

    /// Whether a time is recent by the time to go by, whatever one peer says.
    pub fn agrees(&self, time: WallTime) -> bool {
        self.now().wall.distance(time) <= WINDOW
    }

    /// Notes the time of a signed reply to a request of one's own, which took
    /// so long. It is `proven` when what was signed names the request: then it
    /// cannot be an old one passed off as an answer. Others count only where
    /// there are no proven ones. Returns whether the time to go by has moved.
    pub(super) fn sample(
        &mut self,
        key: PublicKey,
        time: WallTime,
        took: Duration,
        proven: bool,
    ) -> bool {
        let now = self.read.mono;
        self.follow();
        if !proven && self.samples.get(now, &key).is_some_and(|one| one.proven) {
            return false;
        }
        let middle = self.read.wall.unix_nanos().saturating_sub(nanos(took / 2));
        let nanos = time.unix_nanos().saturating_sub(middle);
        let before = self.correction();
        let sample = Sample { nanos, proven };
        if !sample.agrees() {
            self.samples.expire(now);
            let others = self.samples.iter().filter(|(other, _)| **other != key);
            if others.filter(|(_, other)| !other.agrees()).count() >= DISAGREEING_MAX {
                return false;
            }
        }
        self.samples.insert(now, key, sample);
        self.settle(now);
        before.abs_diff(self.correction()) > TOLERATED.as_nanos() as u64
    }

    fn settle(&mut self, now: Instant) {
        self.samples.expire(now);
        let proven = self.samples.iter().any(|(_, sample)| sample.proven);
        let samples = self.samples.iter().map(|(_, sample)| sample);
        let samples = samples.filter(|sample| sample.proven == proven);
        let mut offsets: Vec<i64> = samples.map(|sample| sample.nanos).gather();
        self.voices = offsets.len();
        let samples = self.samples.iter().map(|(_, sample)| sample);
        let agreeing = samples.filter(|one| one.proven == proven && one.agrees());
        self.agreeing = agreeing.count();
        match self.voices {
            // It may be an old reply, so alone it proves nothing.
            1 if !proven => offsets.clear(),
            0 | 1 => {}
            _ => offsets.push(0),
        }
        sort_by_key(&mut offsets, |offset| *offset);
        let middle = |place: usize| offsets.get(place).copied();
        let (low, high) = (offsets.len().saturating_sub(1) / 2, offsets.len() / 2);
        self.offset = middle(low)
            .zip(middle(high))
            .map(|(low, high)| low / 2 + high / 2 + (low % 2 + high % 2) / 2);
    }

    fn correction(&self) -> i64 {
        let yields = self.is_off() && self.agreeing < AGREEING_ENOUGH;
        self.offset.filter(|_| yields).unwrap_or(0)
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn shifted(time: WallTime, nanos: i64) -> WallTime {
    WallTime::from_unix_nanos(time.unix_nanos().saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_unix_seconds(1_768_756_453 + seconds)
    }

    fn clock() -> Clock {
        Clock::new(Now {
            mono: Instant::from_micros(1),
            wall: at(0),
        })
    }

    fn hear(clock: &mut Clock, peer: u8, seconds: i64) {
        clock.sample(PublicKey([peer; 32]), at(seconds), Duration::ZERO, true);
    }

    #[test]
    fn times_up_to_30_seconds_away_are_recent() {
        let clock = clock();
        assert_eq!(clock.judge(at(30)), Ok(()));
        assert_eq!(clock.judge(at(-30)), Ok(()));
        assert_eq!(clock.judge(at(31)), Err("from_the_future"));
        assert_eq!(clock.judge(at(-31)), Err("too_old"));
    }

    #[test]
    fn who_is_off_yields_to_the_others_and_they_do_not_yield_to_it() {
        let mut off = clock();
        for peer in 1..4 {
            hear(&mut off, peer, -5 * MINUTE);
        }
        assert_eq!(off.offset_ms(), Some(-300_000));
        assert!(off.is_off());
        assert_eq!(off.now().wall, at(-5 * MINUTE));
        assert_eq!(off.judge(at(0)), Err("from_the_future"));
        let mut right = clock();
        for (peer, seconds) in [(1, 5 * MINUTE), (2, 0), (3, 1)] {
            hear(&mut right, peer, seconds);
        }
        assert!(!right.is_off());
        assert_eq!(right.now().wall, at(0));
    }

    #[test]
    fn any_number_of_made_up_peers_moves_no_clock_that_two_others_agree_with() {
        let mut clock = clock();
        hear(&mut clock, 1, 1);
        hear(&mut clock, 2, -1);
        for peer in 3..=255 {
            hear(&mut clock, peer, 10 * MINUTE);
        }
        assert_eq!(clock.now().wall, at(0));
        assert_eq!(clock.judge(at(0)), Ok(()));
        assert_eq!(clock.judge(at(10 * MINUTE)), Err("from_the_future"));
        assert_eq!(clock.samples.len(), 2 + DISAGREEING_MAX);
    }

    #[test]
    fn two_naras_that_are_alone_understand_each_other_and_none_yields() {
        let mut clock = clock();
        hear(&mut clock, 1, -5 * MINUTE);
        assert_eq!(clock.now().wall, at(0));
        assert_eq!(clock.judge(at(-5 * MINUTE)), Ok(()));
        assert_eq!(clock.judge(at(0)), Ok(()));
        assert_eq!(clock.judge(at(-2 * MINUTE)), Err("too_old"));
        assert!(!clock.is_off());
    }

    #[test]
    fn a_peer_that_answers_often_is_one_voice() {
        let mut clock = clock();
        for _ in 0..SAMPLES_MAX {
            hear(&mut clock, 1, 9 * MINUTE);
        }
        hear(&mut clock, 2, 0);
        assert_eq!(clock.now().wall, at(0));
        for peer in 0..2 * SAMPLES_MAX {
            hear(&mut clock, peer as u8, 0);
        }
        assert_eq!(clock.samples.len(), SAMPLES_MAX);
    }

    #[test]
    fn a_reply_that_does_not_name_its_request_counts_only_without_better() {
        let mut clock = clock();
        let weak = |clock: &mut Clock, peer: u8, seconds: i64| {
            clock.sample(PublicKey([peer; 32]), at(seconds), Duration::ZERO, false)
        };
        assert!(!weak(&mut clock, 1, 3 * MINUTE));
        assert_eq!(clock.offset_ms(), None);
        assert!(weak(&mut clock, 2, 3 * MINUTE));
        hear(&mut clock, 3, 0);
        assert_eq!(clock.offset_ms(), Some(0));
        assert!(!weak(&mut clock, 3, 3 * MINUTE));
        assert_eq!(clock.offset_ms(), Some(0));
    }

    #[test]
    fn half_of_what_an_exchange_took_is_not_taken_for_an_offset() {
        let mut clock = clock();
        let took = Duration::from_secs(4);
        clock.sample(PublicKey([1; 32]), at(-2), took, true);
        assert_eq!(clock.offset_ms(), Some(0));
    }

    #[test]
    fn a_clock_that_stands_still_goes_on_by_what_was_measured() {
        let mut clock = clock();
        for peer in 1..4 {
            hear(&mut clock, peer, 0);
        }
        for second in 2..=600 {
            let mono = Instant::from_micros(second * 1_000_000);
            clock.read(Now { mono, wall: at(0) });
        }
        let off = clock.now().wall.distance(at(600));
        assert!(clock.is_off() && off <= TOLERATED, "{off:?}");
        hear(&mut clock, 9, 600);
        let off = clock.now().wall.distance(at(600));
        assert!(off <= Duration::from_secs(1), "{off:?}");
    }

    #[test]
    fn a_clock_that_is_set_is_measured_anew() {
        let mut clock = clock();
        for peer in 1..4 {
            hear(&mut clock, peer, 5 * MINUTE);
        }
        let later = Now {
            mono: Instant::from_micros(1_000_001),
            wall: at(5 * MINUTE + 1),
        };
        assert_eq!(clock.read(later), later);
        assert_eq!(clock.offset_ms(), None);
    }
}
