//! What JavaScript says: lists of texts, as JSON.

use super::words::failure;
use crate::message::from_json;
use core::time::Duration;

/// A command or an option and what belongs to it. What is left out is empty.
pub(super) struct Args(Vec<String>);

impl Args {
    /// Reads one command.
    pub(super) fn of(json: &str) -> Result<Self, String> {
        read(json).map(Self)
    }

    /// Reads several lines.
    pub(super) fn lines(json: &str) -> Result<Vec<Self>, String> {
        let lines: Vec<Vec<String>> = read(json)?;
        Ok(lines.into_iter().map(Self).collect())
    }

    pub(super) fn word(&self, at: usize) -> &str {
        self.get(at).unwrap_or_default()
    }

    pub(super) fn get(&self, at: usize) -> Option<&str> {
        self.0.get(at).map(String::as_str)
    }

    /// A whole number; 0 if it is none.
    pub(super) fn number(&self, at: usize) -> u64 {
        self.word(at).parse().unwrap_or(0)
    }

    pub(super) fn millis(&self, at: usize) -> Duration {
        Duration::from_millis(self.number(at))
    }

    /// What follows.
    pub(super) fn from(&self, at: usize) -> &[String] {
        self.0.get(at..).unwrap_or_default()
    }

    /// Takes a text out.
    pub(super) fn take(&mut self, at: usize) -> String {
        self.0.get_mut(at).map(core::mem::take).unwrap_or_default()
    }
}

fn read<'de, T: serde::Deserialize<'de>>(json: &'de str) -> Result<T, String> {
    from_json(json).map_err(|error| failure("option_invalid", &error.to_string()))
}
