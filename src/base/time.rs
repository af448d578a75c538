//! Time as an argument: a monotonic clock for deadlines and a wall clock for
//! what is written on the wire. The two are never converted into each other.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point on the driver's monotonic clock, in microseconds since its origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The instant `micros` microseconds after the driver's origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the driver's origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    // Once, and not at each of the places that wait for something.
    #[inline(never)]
    fn add(self, duration: Duration) -> Instant {
        // Within 292,000 years, so that nothing has to be multiplied in 128 bits.
        let seconds = duration.as_secs().min(u64::MAX / 2_000_000);
        let micros = seconds * 1_000_000 + u64::from(duration.subsec_micros());
        Instant(self.0.saturating_add(micros))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.since(earlier)
    }
}

/// A point on the wall clock, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// The time `nanos` nanoseconds after the Unix epoch.
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The time `seconds` seconds after the Unix epoch, kept within range.
    #[inline(never)]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        const MOST: i64 = i64::MAX / 1_000_000_000;
        let seconds = if seconds > MOST {
            MOST
        } else if seconds < -MOST {
            -MOST
        } else {
            seconds
        };
        Self(seconds * 1_000_000_000)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds since the Unix epoch.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The nanosecond after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The time so much earlier.
    pub fn before(self, by: Duration) -> Self {
        let seconds = (by.as_secs() as i64).saturating_mul(1_000_000_000);
        let nanos = i64::from(by.subsec_nanos());
        Self(self.0.saturating_sub(seconds).saturating_sub(nanos))
    }

    /// The distance between two times, whichever is later.
    pub const fn distance(self, other: WallTime) -> Duration {
        Duration::from_nanos(self.0.abs_diff(other.0))
    }
}

/// Both clocks, read together by the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For deadlines.
    pub mono: Instant,
    /// For what is written on the wire.
    pub wall: WallTime,
}
