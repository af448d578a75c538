//! The payload of questions for which any answer will do: `presence:ping` and
//! `clock:ask`, and of their answers. Bytes: `docs/protocol.md`.

use super::json::ObjectWriter;
use super::payload::{ByField, Fields, payloads_by_field};

/// A question, or its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    /// Random, and the same in the answer.
    pub request_id: String,
}

impl ByField for Ping {
    fn blank() -> Self {
        Self::default()
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.text_into("request_id", &mut self.request_id, usize::MAX);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.text("request_id", &self.request_id);
    }
}

payloads_by_field! {
    Ping: "request_id";
}
