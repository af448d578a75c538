//! X-Nara headers: who makes a request, and who answers it.
//!
//! A request's signature covers name, time, method and path, not its body; an
//! answer's covers name, time and body, not the request. So neither proves
//! what a message says: messages carry signatures of their own.

use crate::base::{PublicKey, WallTime, base64, sha256};
use crate::identity::{Crypto, NAME_LENGTH_MAX, Signature};
use core::fmt;

/// How far a request's time may be from now, in milliseconds.
const WINDOW_MS: i64 = 30_000;

/// The three headers, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// `X-Nara-Name`.
    pub name: String,
    /// `X-Nara-Timestamp`: Unix milliseconds.
    pub timestamp: String,
    /// `X-Nara-Signature`: Base64.
    pub signature: String,
}

/// Why a request is answered with 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// A header is missing.
    Missing,
    /// The time is no number.
    InvalidTimestamp,
    /// The time is more than 30 s from now.
    NotRecent,
    /// Nobody of this name is known.
    UnknownSender,
    /// The signature is no Base64.
    InvalidEncoding,
    /// The signature fits none of the keys known for the name.
    BadSignature,
}

impl AuthError {
    /// The reason, in the words of the network.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing auth headers",
            Self::InvalidTimestamp => "invalid timestamp",
            Self::NotRecent => "timestamp too old or in future",
            Self::UnknownSender => "unknown sender",
            Self::InvalidEncoding => "invalid signature encoding",
            Self::BadSignature => "signature verification failed",
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Headers {
    /// Signs a request. The path is the decoded one, without a query.
    pub fn of_request(
        name: &str,
        at: WallTime,
        method: &str,
        path: &str,
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Self {
        Self::signed(name, at, sign, |name, timestamp| {
            request_text(name, timestamp, method, path)
        })
    }

    /// Signs an answer.
    pub fn of_answer(
        name: &str,
        at: WallTime,
        body: &[u8],
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Self {
        Self::signed(name, at, sign, |name, timestamp| {
            answer_text(name, timestamp, body)
        })
    }

    fn signed(
        name: &str,
        at: WallTime,
        sign: impl FnOnce(&[u8]) -> Signature,
        text: impl FnOnce(&str, &str) -> String,
    ) -> Self {
        let timestamp = at.unix_millis().to_string();
        let signature = sign(text(name, &timestamp).as_bytes());
        Self {
            name: name.to_owned(),
            timestamp,
            signature: base64::encode(&signature.0),
        }
    }

    /// Whether the holder of `key` answered with this body.
    pub fn prove_answer(&self, crypto: &dyn Crypto, body: &[u8], key: &PublicKey) -> bool {
        let text = answer_text(&self.name, &self.timestamp, body);
        decode(&self.signature).is_some_and(|bytes| signs(crypto, &bytes, key, text.as_bytes()))
    }
}

/// Finds whose request this is, among the keys known for its name.
///
/// # Errors
/// Why it is answered with 401.
pub fn verify_request<T>(
    crypto: &dyn Crypto,
    headers: &Headers,
    now: WallTime,
    method: &str,
    path: &str,
    known: impl IntoIterator<Item = (PublicKey, T)>,
) -> Result<T, AuthError> {
    let Headers {
        name,
        timestamp,
        signature,
    } = headers;
    if [name, timestamp, signature]
        .iter()
        .any(|one| one.is_empty())
    {
        return Err(AuthError::Missing);
    }
    let millis: i64 = timestamp.parse().map_err(|_| AuthError::InvalidTimestamp)?;
    if millis.abs_diff(now.unix_millis()) > WINDOW_MS as u64 {
        return Err(AuthError::NotRecent);
    }
    let mut known = known.into_iter().peekable();
    if name.len() > NAME_LENGTH_MAX || known.peek().is_none() {
        return Err(AuthError::UnknownSender);
    }
    let bytes = decode(signature).ok_or(AuthError::InvalidEncoding)?;
    let text = request_text(name, timestamp, method, path);
    let mut known = known.filter(|(key, _)| signs(crypto, &bytes, key, text.as_bytes()));
    known
        .next()
        .map(|(_, one)| one)
        .ok_or(AuthError::BadSignature)
}

fn request_text(name: &str, timestamp: &str, method: &str, path: &str) -> String {
    [name, timestamp, method, path].concat()
}

fn answer_text(name: &str, timestamp: &str, body: &[u8]) -> String {
    let hash = base64::encode(&sha256(&[body]));
    [name, timestamp, &hash].concat()
}

fn decode(signature: &str) -> Option<Vec<u8>> {
    base64::decode(signature)
}

fn signs(crypto: &dyn Crypto, bytes: &[u8], key: &PublicKey, text: &[u8]) -> bool {
    <[u8; 64]>::try_from(bytes).is_ok_and(|bytes| crypto.verify(key, text, &Signature(bytes)))
}
