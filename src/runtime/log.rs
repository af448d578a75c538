//! Scoped logs: every record says which service of which nara spoke.

use crate::base::{NaraId, WallTime};
use std::collections::VecDeque;

/// Records that wait to be taken; older ones give way.
const RECORDS_MAX: usize = 512;

/// The longest text of a record, in bytes. Text from others may be in it.
const TEXT_LENGTH_MAX: usize = 512;

/// How much a record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Of use when something is looked into.
    Debug,
    /// What a person may want to see.
    Info,
    /// Something was refused or went wrong, and was dealt with.
    Warn,
    /// Something was lost or does not work.
    Error,
}

impl Level {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: WallTime,
    /// How much it matters.
    pub level: Level,
    /// Which service said it.
    pub service: &'static str,
    /// Of which nara.
    pub nara: NaraId,
    /// What. Never a secret, never a plaintext.
    pub text: String,
}

/// Writes records for one service.
pub struct Scope<'a> {
    pub(super) records: &'a mut VecDeque<Record>,
    pub(super) at: WallTime,
    pub(super) service: &'static str,
    pub(super) nara: &'a NaraId,
}

impl Scope<'_> {
    /// Writes a record.
    pub fn write(&mut self, level: Level, text: impl Into<String>) {
        self.put(level, text.into());
    }

    // Once, and not at each of the places that say something.
    #[inline(never)]
    fn put(&mut self, level: Level, mut text: String) {
        if text.len() > TEXT_LENGTH_MAX {
            let end = (0..=TEXT_LENGTH_MAX)
                .rev()
                .find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
            text.push('…');
        }
        if self.records.len() >= RECORDS_MAX {
            self.records.pop_front();
        }
        let (at, service, nara) = (self.at, self.service, *self.nara);
        self.records.push_back(Record {
            at,
            level,
            service,
            nara,
            text,
        });
    }

    /// Writes at [`Level::Debug`].
    pub fn debug(&mut self, text: impl Into<String>) {
        self.write(Level::Debug, text);
    }

    /// Writes at [`Level::Info`].
    pub fn info(&mut self, text: impl Into<String>) {
        self.write(Level::Info, text);
    }

    /// Writes at [`Level::Warn`].
    pub fn warn(&mut self, text: impl Into<String>) {
        self.write(Level::Warn, text);
    }

    /// Writes at [`Level::Error`].
    pub fn error(&mut self, text: impl Into<String>) {
        self.write(Level::Error, text);
    }
}
