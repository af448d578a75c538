//! What JavaScript is told, as JSON.

use super::service::Said;
use super::stash;
use crate::base::Now;
use crate::message::ObjectWriter;
use crate::nara::{Event, Nara};
use crate::runtime::{Local, Record, Traffic};
use core::fmt::Display;

/// Something to tell JavaScript.
pub(super) enum Word {
    Event(Event),
    Log(Record),
    /// For a service written in JavaScript.
    Service(Said),
}

impl Word {
    /// Whether it may give way to others: an operation's or a call's end must
    /// be told, and of these there are only so many.
    pub(super) fn is_dispensable(&self) -> bool {
        match self {
            Self::Log(_) | Self::Event(Event::Traffic(_)) => true,
            Self::Service(said) => said.is_message(),
            Self::Event(_) => false,
        }
    }

    /// A list: the word, and what belongs to it.
    pub(super) fn told(&self, nara: &Nara, now: Now) -> String {
        let (word, value) = match self {
            Self::Log(one) => ("log", record(one)),
            Self::Service(said) => ("service", said.to_json()),
            Self::Event(event) => match event {
                Event::Status => return "[\"status\"]".to_owned(),
                Event::Asleep => return "[\"asleep\"]".to_owned(),
                Event::Local(one) => ("local", local(one)),
                Event::Traffic(one) => ("traffic", traffic(one)),
                Event::Saved(receipt) => ("saved", stash::receipt(nara, receipt)),
                Event::Set(operation, result) => {
                    let value = result.as_ref().map(|receipt| stash::receipt(nara, receipt));
                    return ended(operation.0, value.map_err(stash::stash_error));
                }
                Event::Ended(operation, result) => {
                    let value = result.as_ref().map(|ending| stash::ending(nara, ending));
                    return ended(operation.0, value.map_err(stash::stash_error));
                }
                Event::Recovered(operation, memory) => {
                    let value = memory.as_ref().ok_or_else(stash::not_found);
                    return ended(
                        operation.0,
                        value.map(|memory| stash::recovered(nara, memory, now)),
                    );
                }
            },
        };
        ["[\"", word, "\",", &value, "]"].concat()
    }
}

fn ended(operation: u64, result: Result<String, String>) -> String {
    let (word, value) = match result {
        Ok(value) => ("ended", value),
        Err(error) => ("failed", error),
    };
    ["[\"", word, "\",", &value, ",", &operation.to_string(), "]"].concat()
}

pub(super) fn failure(code: &str, message: &dyn Display) -> String {
    ObjectWriter::new()
        .text("code", code)
        .text("message", &message.to_string())
        .finish()
}

fn local(local: &Local) -> String {
    ObjectWriter::new()
        .text("kind", &local.kind)
        .raw("payload", &local.payload)
        .finish()
}

fn traffic(traffic: &Traffic) -> String {
    let peer = if traffic.incoming { "from" } else { "to" };
    ObjectWriter::new()
        .text_or_null(peer, traffic.peer.as_deref())
        .text("kind", &traffic.kind)
        .text("way", traffic.way)
        .text("outcome", traffic.outcome)
        .finish()
}

fn record(record: &Record) -> String {
    ObjectWriter::new()
        .i64("at", record.at.unix_millis())
        .text("level", record.level.as_str())
        .text("service", record.service)
        .text("nara", record.nara.as_str())
        .text("text", &record.text)
        .finish()
}
