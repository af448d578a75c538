//! The payload of questions for which any answer will do: `presence:ping` and
//! `clock:ask`, and of their answers. Bytes: `docs/protocol.md`.

use super::json::ObjectWriter;
use super::payload::{Fields, Payload, PayloadError, serde_by_itself};

/// A question, or its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    /// Random, and the same in the answer.
    pub request_id: String,
}

impl Payload for Ping {
    const FIELDS: &'static [&'static str] = &["request_id"];

    fn parse(text: &str) -> Result<Self, PayloadError> {
        let mut fields = Fields::of(text, Self::FIELDS);
        let request_id = fields.string("request_id").into_owned();
        fields.done(Self { request_id })
    }

    fn to_json(&self) -> String {
        ObjectWriter::new()
            .text("request_id", &self.request_id)
            .finish()
    }
}

serde_by_itself!(Ping);
