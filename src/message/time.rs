//! Timestamps: RFC 3339 with the offset kept, read as leniently and written as
//! canonically as Go does.

use crate::base::WallTime;
use core::fmt;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest timestamp that is read, in bytes. Go reads any number of
/// fractional digits and keeps nine.
pub const TIMESTAMP_LENGTH_MAX: usize = 64;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Why a text is no timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampError {
    /// It is longer than [`TIMESTAMP_LENGTH_MAX`] bytes.
    TooLong,
    /// It does not look like `2026-01-18T17:14:13.5+02:00`.
    Shape,
    /// A part of it is out of range.
    Range {
        /// Which part.
        part: &'static str,
    },
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "the time is longer than {TIMESTAMP_LENGTH_MAX} bytes")
            }
            Self::Shape => f.write_str("the time is not in the form of RFC 3339"),
            Self::Range { part } => write!(f, "the {part} is out of range"),
        }
    }
}

impl core::error::Error for TimestampError {}

/// A point in time as it is written: the same instant with another offset is
/// another timestamp, because signatures cover the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    unix_seconds: i64,
    nanos: u32,
    offset_seconds: i64,
}

impl Timestamp {
    /// Go's zero time, `0001-01-01T00:00:00Z`: what a field that was never set
    /// holds.
    pub const ZERO: Self = Self {
        unix_seconds: -62_135_596_800,
        nanos: 0,
        offset_seconds: 0,
    };

    /// Reads a text as Go reads it; [`Display`](fmt::Display) spells it
    /// canonically.
    ///
    /// # Errors
    /// When Go would not read it, or could not write it again.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        if text.len() > TIMESTAMP_LENGTH_MAX {
            return Err(TimestampError::TooLong);
        }
        let mut reader = Reader {
            rest: text.as_bytes(),
            wrong: None,
        };
        let days = reader.date();
        reader.expect(b'T');
        let seconds = reader.clock();
        let nanos = reader.fraction();
        let offset_seconds = reader.offset();
        if !reader.rest.is_empty() {
            reader.fail(TimestampError::Shape);
        }
        match reader.wrong {
            Some(error) => Err(error),
            None => Ok(Self {
                unix_seconds: days * DAY + seconds - offset_seconds,
                nanos,
                offset_seconds,
            }),
        }
    }

    /// A wall time, in UTC.
    pub const fn from_wall(wall: WallTime) -> Self {
        let nanos = wall.unix_nanos();
        Self {
            unix_seconds: nanos.div_euclid(1_000_000_000),
            nanos: nanos.rem_euclid(1_000_000_000) as u32,
            offset_seconds: 0,
        }
    }

    /// The wall time, or the nearest one that 64 bits of nanoseconds hold.
    pub fn nearest_wall(&self) -> WallTime {
        let limit = if self.unix_seconds < 0 {
            i64::MIN
        } else {
            i64::MAX
        };
        self.wall().unwrap_or(WallTime::from_unix_nanos(limit))
    }

    /// The wall time; `None` outside the years 1677 to 2262, which is all that
    /// 64 bits of nanoseconds hold.
    pub fn wall(&self) -> Option<WallTime> {
        let nanos = i128::from(self.unix_seconds) * 1_000_000_000 + i128::from(self.nanos);
        i64::try_from(nanos).ok().map(WallTime::from_unix_nanos)
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Timestamp {
    /// The text, as Go writes it.
    pub(super) fn to_text(self) -> String {
        let local = self.unix_seconds + self.offset_seconds;
        let (year, month, day) = civil_from_days(local.div_euclid(DAY));
        let clock = local.rem_euclid(DAY);
        let mut text = String::new();
        digits(&mut text, 4, year);
        for (before, part) in [
            ('-', month),
            ('-', day),
            ('T', clock / HOUR),
            (':', clock % HOUR / MINUTE),
            (':', clock % MINUTE),
        ] {
            text.push(before);
            digits(&mut text, 2, part);
        }
        if self.nanos > 0 {
            text.push('.');
            digits(&mut text, 9, i64::from(self.nanos));
            while text.ends_with('0') {
                text.pop();
            }
        }
        if self.offset_seconds == 0 {
            text.push('Z');
            return text;
        }
        let offset = self.offset_seconds.abs();
        text.push(if self.offset_seconds < 0 { '-' } else { '+' });
        digits(&mut text, 2, offset / HOUR);
        text.push(':');
        digits(&mut text, 2, offset % HOUR / MINUTE);
        text
    }
}

/// The last `count` digits of a number.
fn digits(text: &mut String, count: u32, number: i64) {
    for place in (0..count).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        text.push(char::from(b'0' + digit as u8));
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in the form of RFC 3339")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        Timestamp::parse(text).map_err(E::custom)
    }
}

/// What of the text is still to be read, and what was wrong first: so each part
/// is read by one call, and no branch.
struct Reader<'a> {
    rest: &'a [u8],
    wrong: Option<TimestampError>,
}

impl Reader<'_> {
    fn fail(&mut self, error: TimestampError) {
        self.wrong.get_or_insert(error);
    }

    /// Passes a byte, if it is next.
    fn pass(&mut self, byte: u8) -> bool {
        let rest = self.rest.strip_prefix(&[byte]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, byte: u8) {
        if !self.pass(byte) {
            self.fail(TimestampError::Shape);
        }
    }

    fn digit(&mut self) -> Option<i64> {
        let (first, rest) = self.rest.split_first()?;
        let digit = first.is_ascii_digit().then(|| i64::from(first - b'0'))?;
        self.rest = rest;
        Some(digit)
    }

    fn number(&mut self, digits: usize) -> i64 {
        let mut number = 0;
        for _ in 0..digits {
            let digit = self.digit();
            if digit.is_none() {
                self.fail(TimestampError::Shape);
            }
            number = number * 10 + digit.unwrap_or(0);
        }
        number
    }

    fn within(&mut self, value: i64, least: i64, most: i64, part: &'static str) {
        if value < least || value > most {
            self.fail(TimestampError::Range { part });
        }
    }

    /// Days since the Unix epoch.
    fn date(&mut self) -> i64 {
        let year = self.number(4);
        self.expect(b'-');
        let month = self.number(2);
        self.expect(b'-');
        let day = self.number(2);
        self.within(month, 1, 12, "month");
        self.within(day, 1, days_in(year, month), "day");
        days_from_civil(year, month, day)
    }

    /// Seconds since midnight. The hour may have one digit; there are no leap
    /// seconds.
    fn clock(&mut self) -> i64 {
        let first = self.number(1);
        let hour = self.digit().map_or(first, |second| first * 10 + second);
        self.expect(b':');
        let minute = self.number(2);
        self.expect(b':');
        let second = self.number(2);
        self.within(hour, 0, 23, "hour");
        self.within(minute, 0, 59, "minute");
        self.within(second, 0, 59, "second");
        hour * HOUR + minute * MINUTE + second
    }

    /// Nanoseconds, after a point or a comma; further digits are cut off.
    fn fraction(&mut self) -> u32 {
        let [b'.' | b',', b'0'..=b'9', ..] = self.rest else {
            return 0;
        };
        self.rest = &self.rest[1..];
        let (mut nanos, mut unit) = (0, 100_000_000);
        while let Some(digit) = self.digit() {
            nanos += digit as u32 * unit;
            unit /= 10;
        }
        nanos
    }

    /// Seconds east of UTC. Go reads `+01:60` as two hours.
    fn offset(&mut self) -> i64 {
        if self.pass(b'Z') {
            return 0;
        }
        let is_west = self.pass(b'-');
        if !is_west {
            self.expect(b'+');
        }
        let hours = self.number(2);
        self.expect(b':');
        let minutes = self.number(2);
        self.within(minutes, 0, 60, "minutes of the offset");
        let offset = hours * HOUR + minutes * MINUTE;
        self.within(offset, 0, DAY - 1, "offset");
        if is_west { -offset } else { offset }
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counted in eras of 400
/// years that begin on the first of March, so that leap days come last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_and_its_inverse_agree_on_every_day_of_ten_thousand_years() {
        let mut expected = days_from_civil(0, 1, 1);
        for year in 0..10_000 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month) {
                    assert_eq!(days_from_civil(year, month, day), expected);
                    assert_eq!(civil_from_days(expected), (year, month, day));
                    expected += 1;
                }
            }
        }
        assert_eq!(days_from_civil(1970, 1, 1), 0);
    }

    #[test]
    fn wall_times_go_there_and_back() {
        for nanos in [0, 1, -1, 1_768_756_453_123_456_789, i64::MAX, i64::MIN] {
            let wall = WallTime::from_unix_nanos(nanos);
            let stamp = Timestamp::from_wall(wall);
            assert_eq!(stamp.wall(), Some(wall));
            assert_eq!(Timestamp::parse(&stamp.to_string()), Ok(stamp));
        }
        assert_eq!(
            Timestamp::from_wall(WallTime::default()).to_string(),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(Timestamp::ZERO.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(Timestamp::ZERO.wall(), None);
    }

    #[test]
    fn the_same_instant_in_another_zone_is_another_timestamp() {
        let (utc, east) = ("2026-01-18T17:14:13Z", "2026-01-18T19:14:13+02:00");
        let (utc, east) = (
            Timestamp::parse(utc).unwrap(),
            Timestamp::parse(east).unwrap(),
        );
        assert_eq!(utc.wall(), east.wall());
        assert_ne!(utc, east);
    }

    #[test]
    fn odd_spellings_get_the_reason() {
        let why = |text: &str| Timestamp::parse(text).unwrap_err().to_string();
        assert_eq!(why("2026-13-01T00:00:00Z"), "the month is out of range");
        assert_eq!(why("1900-02-29T00:00:00Z"), "the day is out of range");
        assert_eq!(
            why("2026-01-01T00:00:00+23:60"),
            "the offset is out of range"
        );
        assert_eq!(
            why("2026-01-01T00:00:00Z "),
            "the time is not in the form of RFC 3339"
        );
        let long = format!("2026-01-01T00:00:00.{}Z", "1".repeat(60));
        assert_eq!(why(&long), "the time is longer than 64 bytes");
        let two = Timestamp::parse("2026-01-01T00:00:00+01:60").unwrap();
        assert_eq!(two.to_string(), "2026-01-01T00:00:00+02:00");
    }
}
