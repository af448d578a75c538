//! What the stash tells: to whoever began an operation, and to other services.

use super::codec::Memory;
use super::errors::StashError;
use super::gate::Gate;
use super::operations::OperationId;
use crate::base::Identity;
use crate::message::{ByField, Fields, ObjectWriter, payloads_by_field};

/// A memory that is stored: which revision, with whom, of how many wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The revision.
    pub revision: u64,
    /// Who acknowledged it.
    pub holders: Vec<Identity>,
    /// How many are wanted.
    pub target: usize,
}

/// How a wish to be forgotten ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Who acknowledged that it holds nothing any more.
    pub forgotten: Vec<Identity>,
    /// Who held something and did not say so: a Go nara knows no such wish and
    /// keeps what it holds until it restarts.
    pub may_still_hold: Vec<Identity>,
}

/// How an operation ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// These hold the memory.
    Chosen(Vec<Identity>),
    /// One peer gave this back.
    Memory(Memory),
    /// Peers were asked to forget.
    Forgotten(Forgotten),
}

/// What happened, for whoever began it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was stored, or was not.
    Set(OperationId, Result<Receipt, StashError>),
    /// A recovery ended; `None` when nothing was found by its deadline.
    Recovered(OperationId, Option<Memory>),
    /// Another operation ended.
    Ended(OperationId, Result<Ending, StashError>),
    /// The newest revision has this many holders now.
    Saved(Receipt),
}

/// The payload of the local message `stash:recovered`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredNews {
    /// How many confidants' copies opened to the memory chosen; 0 when none did.
    pub count: usize,
}

impl ByField for RecoveredNews {
    fn blank() -> Self {
        Self { count: 0 }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        self.count = fields.u32("count") as usize;
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.u64("count", self.count as u64);
    }
}

/// The payload of the local message `stash:gate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateNews {
    /// Where the gate stands now.
    pub gate: Gate,
}

impl ByField for GateNews {
    fn blank() -> Self {
        Self { gate: Gate::Open }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        let word = fields.string("gate");
        match Gate::parse(&word) {
            Some(gate) => self.gate = gate,
            None => fields.fail("gate", ["unknown variant `", &word, "`"].concat()),
        }
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.text("gate", self.gate.as_str());
    }
}

/// The payload of the local message `stash:beside`: another memory turned up
/// beside the one that was set here, which stays. The memory itself is asked
/// of the stash; it is not in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BesideNews {
    /// The revision of what turned up.
    pub version: u64,
}

impl ByField for BesideNews {
    fn blank() -> Self {
        Self { version: 0 }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        self.version = fields.u64("version");
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.u64("version", self.version);
    }
}

payloads_by_field! {
    RecoveredNews: "count";
    GateNews: "gate";
    BesideNews: "version";
}
