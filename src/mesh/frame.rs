//! What goes between a nara and its gateway: one WebSocket message each, a
//! line of JSON, then the body as it is. Shapes: `docs/protocol.md`, "Mesh
//! link".

use crate::message::{from_json, to_go_json};
use serde::{Deserialize, Serialize};

/// The longest body of a request or an answer.
pub const BODY_SIZE_MAX: usize = 64 * 1024;

/// The longest first line.
pub const HEAD_SIZE_MAX: usize = 8 * 1024;

/// One message of either side. Which fields count depends on `t`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Frame {
    /// `challenge`, `attach`, `attached`, `request`, `answer` or `pulse`.
    pub t: String,
    /// The number of a request, counted by whoever asks, and of its answer.
    pub n: u32,
    /// The method of a request.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The decoded path of a request, without a query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The status of an answer; 0 where nothing answered.
    #[serde(skip_serializing_if = "is_zero")]
    pub status: u16,
    /// `X-Nara-Name`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `X-Nara-Timestamp`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// `X-Nara-Signature`, or the signature of an attach.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sig: String,
    /// The nonce of a challenge or an attach, in Base58.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// The public key that attaches.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The address given to the nara.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The hey_there or the newspaper of whom a request is for: it names the
    /// address, signed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proof: String,
    /// Why nothing answered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What follows the first line.
    #[serde(skip)]
    pub body: Vec<u8>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(status: &u16) -> bool {
    *status == 0
}

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
        let mut frame: Self = from_json(core::str::from_utf8(head).ok()?).ok()?;
        frame.body = body.to_vec();
        Some(frame)
    }

    /// Writes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = to_go_json(self).into_bytes();
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
