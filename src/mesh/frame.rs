//! What goes between a nara and its gateway: one WebSocket message each, a
//! line of JSON, then the body as it is. Shapes: `docs/protocol.md`, "Mesh
//! link".

use crate::message::{Fields, ObjectWriter};

/// The longest body of a request or an answer.
pub const BODY_SIZE_MAX: usize = 64 * 1024;

/// The longest first line.
pub const HEAD_SIZE_MAX: usize = 8 * 1024;

/// One message of either side. Which fields count depends on `t`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// `challenge`, `attach`, `attached`, `request`, `answer` or `pulse`.
    pub t: String,
    /// The number of a request, counted by whoever asks, and of its answer.
    pub n: u32,
    /// The method of a request.
    pub method: String,
    /// The decoded path of a request, without a query.
    pub path: String,
    /// The status of an answer; 0 where nothing answered.
    pub status: u16,
    /// `X-Nara-Name`.
    pub name: String,
    /// `X-Nara-Timestamp`.
    pub at: String,
    /// `X-Nara-Signature`, or the signature of an attach.
    pub sig: String,
    /// The nonce of a challenge or an attach, in Base58.
    pub nonce: String,
    /// The public key that attaches.
    pub key: String,
    /// The address given to the nara.
    pub address: String,
    /// The hey_there or the newspaper of whom a request is for: it names the
    /// address, signed.
    pub proof: String,
    /// Why nothing answered.
    pub why: String,
    /// What follows the first line.
    pub body: Vec<u8>,
}

const FIELDS: &[&str] = &[
    "t", "n", "method", "path", "status", "name", "at", "sig", "nonce", "key", "address", "proof",
    "why",
];

impl Frame {
    /// A frame of this kind.
    pub fn new(t: &str) -> Self {
        Self {
            t: t.to_owned(),
            ..Self::default()
        }
    }

    /// Reads one; `None` where it is none or too long.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().take(HEAD_SIZE_MAX).position(|b| *b == b'\n')?;
        let (head, body) = (bytes.get(..end)?, bytes.get(end + 1..)?);
        if body.len() > BODY_SIZE_MAX {
            return None;
        }
        let mut fields = Fields::loose(core::str::from_utf8(head).ok()?, FIELDS);
        let mut text = |name| fields.string(name).into_owned();
        let frame = Self {
            t: text("t"),
            method: text("method"),
            path: text("path"),
            name: text("name"),
            at: text("at"),
            sig: text("sig"),
            nonce: text("nonce"),
            key: text("key"),
            address: text("address"),
            proof: text("proof"),
            why: text("why"),
            n: fields.u32("n"),
            status: fields.u16("status"),
            body: body.to_vec(),
        };
        fields.end().ok()?;
        Some(frame)
    }

    /// Writes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut object = ObjectWriter::sized(self.proof.len() + self.body.len());
        object
            .text("t", &self.t)
            .u64("n", u64::from(self.n))
            .text_if_any("method", &self.method)
            .text_if_any("path", &self.path);
        if self.status != 0 {
            object.u64("status", u64::from(self.status));
        }
        let mut bytes = object
            .text_if_any("name", &self.name)
            .text_if_any("at", &self.at)
            .text_if_any("sig", &self.sig)
            .text_if_any("nonce", &self.nonce)
            .text_if_any("key", &self.key)
            .text_if_any("address", &self.address)
            .text_if_any("proof", &self.proof)
            .text_if_any("why", &self.why)
            .finish()
            .into_bytes();
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
