//! Newspapers: what a nara publishes about itself from time to time.

use super::envelope::{MessageError, frame_text};
use super::json::ObjectWriter;
use super::payload::Fields;
use super::status::Status;
use crate::base::{Identity, PublicKey};
use crate::identity::{NAME_LENGTH_MAX, Signature, verify};

const FIELDS: &[&str] = &["From", "Status", "Signature"];

/// A newspaper. The signature covers the status exactly as it was sent, and
/// nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newspaper {
    /// The name of who publishes it.
    pub from: String,
    /// The signature over [`Newspaper::signed_text`].
    pub signature: Option<Signature>,
    /// What is read from the status.
    pub status: Status,
    status_json: String,
}

impl Newspaper {
    /// A newspaper of one's own, not signed yet. The status is JSON, as
    /// [`StatusBuilder`](super::StatusBuilder) writes it.
    pub fn unsigned(from: &str, status_json: String) -> Self {
        let status = Status::parse(&status_json).unwrap_or_default();
        Self {
            from: from.to_owned(),
            signature: None,
            status,
            status_json,
        }
    }

    /// Reads a newspaper. Its signature is there but not verified yet.
    ///
    /// # Errors
    /// When it is none, or unsigned; the error names the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::of(frame_text(bytes)?, FIELDS);
        let status_json = fields.needed("Status");
        let newspaper = Self {
            signature: fields.needed_signature("Signature"),
            from: fields.needed_text("From", NAME_LENGTH_MAX),
            status: Status::read(&mut fields, status_json),
            status_json: status_json.to_owned(),
        };
        fields.end()?;
        Ok(newspaper)
    }

    /// What the signature covers: the status exactly as it was sent.
    pub fn signed_text(&self) -> &str {
        &self.status_json
    }

    /// Whether this key signed it. Ask with the key that is known for the name
    /// on the topic, not with the one that the status claims.
    pub fn verify(&self, key: &PublicKey) -> bool {
        let text = self.signed_text().as_bytes();
        self.signature
            .as_ref()
            .is_some_and(|signature| verify(key, text, signature))
    }

    /// Who it claims to be from.
    pub fn claimed_identity(&self) -> Option<Identity> {
        self.status.identity()
    }

    /// The word for how much it holds for others.
    pub fn memory_mode(&self) -> Option<&str> {
        Some(self.status.memory_mode.as_str()).filter(|mode| !mode.is_empty())
    }

    /// What proves the address in it to a gateway.
    pub fn proof(&self) -> String {
        let mut object = ObjectWriter::new();
        object.text("svc", "newspaper");
        match &self.signature {
            Some(signature) => object.base64("sig", &signature.0),
            None => object.text("sig", ""),
        };
        object.text("status", &self.status_json).finish()
    }

    /// The newspaper as it goes on the wire.
    pub fn to_json(&self, signature: &Signature) -> String {
        ObjectWriter::new()
            .text("From", &self.from)
            .raw("Status", &self.status_json)
            .base64("Signature", &signature.0)
            .finish()
    }
}
