//! What JavaScript says: lists of texts, as JSON.

use super::words::failure;
use crate::message::{JsonError, list_items, list_strings};
use core::time::Duration;

/// A command or an option and what belongs to it. What is left out is empty.
pub(super) struct Args(Vec<String>);

impl Args {
    /// Reads one command.
    pub(super) fn of(json: &str) -> Result<Self, String> {
        list_strings(json).map(Self).map_err(invalid)
    }

    /// Reads several lines.
    pub(super) fn lines(json: &str) -> Result<Vec<Self>, String> {
        let mut lines = Vec::new();
        for line in list_items(json).map_err(invalid)? {
            lines.push(Self::of(line)?);
        }
        Ok(lines)
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

fn invalid(error: JsonError) -> String {
    failure("option_invalid", &error)
}
