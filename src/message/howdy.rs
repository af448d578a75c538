//! Howdys: answers to a hey_there. Whom they introduce is hearsay, which no
//! signature covers, and is not read.

use super::envelope::{MessageError, frame_text};
use super::json::ObjectWriter;
use super::payload::Fields;
use super::status::{Status, StatusBuilder};
use super::writer::signed_decimal;
use crate::base::Identity;
use crate::identity::{NAME_LENGTH_MAX, Signature, verify};

const FIELDS: &[&str] = &["From", "To", "Seq", "You", "Neighbors", "Me", "Signature"];

/// A howdy. The signature covers `from`, `to` and `seq` only; all else could
/// have been put there by anyone who overheard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Howdy {
    /// The name of who says it.
    pub from: String,
    /// The name of whom it greets.
    pub to: String,
    /// Which of the answers to one hey_there it is, from 1.
    pub seq: i64,
    /// What is read from the status of who says it.
    pub me: Status,
    /// The signature over [`Howdy::signed_text`].
    pub signature: Option<Signature>,
}

/// Between whom a howdy is. Most are between others, and need not be read
/// further; whether it makes sense otherwise is not known.
pub struct Heading<'a> {
    /// The name of who says it.
    pub from: String,
    /// The name of whom it greets.
    pub to: String,
    fields: Fields<'a>,
}

impl Heading<'_> {
    /// Reads the rest of it.
    ///
    /// # Errors
    /// When it is no howdy, or unsigned; the error names the field.
    pub fn howdy(self) -> Result<Howdy, MessageError> {
        let Self {
            from,
            to,
            mut fields,
        } = self;
        let me = fields.needed("Me");
        let howdy = Howdy {
            signature: fields.needed_signature("Signature"),
            seq: fields.i64("Seq"),
            me: Status::read(&mut fields, me),
            from,
            to,
        };
        fields.end()?;
        Ok(howdy)
    }
}

impl Howdy {
    /// Reads a howdy. Its signature is there but not verified yet.
    ///
    /// # Errors
    /// When it is none, or unsigned; the error names the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        Self::heading(bytes)?.howdy()
    }

    /// Reads between whom it is, and nothing else yet.
    ///
    /// # Errors
    /// When it is no object of JSON; the error says where.
    pub fn heading(bytes: &[u8]) -> Result<Heading<'_>, MessageError> {
        let mut fields = Fields::of(frame_text(bytes)?, FIELDS);
        Ok(Heading {
            from: fields.needed_text("From", NAME_LENGTH_MAX),
            to: fields.text("To", NAME_LENGTH_MAX),
            fields,
        })
    }

    /// What the signature covers.
    pub fn signed_text(from: &str, to: &str, seq: i64) -> String {
        let mut text = ["howdy:", from, ":", to, ":"].concat();
        signed_decimal(&mut text, seq);
        text
    }

    /// Whether the key in the status signed it.
    pub fn verify(&self) -> bool {
        let text = Self::signed_text(&self.from, &self.to, self.seq);
        let (Some(key), Some(signature)) = (&self.me.key, &self.signature) else {
            return false;
        };
        verify(key, text.as_bytes(), signature)
    }

    /// Who says it: the id and the key in its status.
    pub fn sender(&self) -> Option<Identity> {
        self.me.identity()
    }

    /// A howdy of one's own as it goes on the wire. It introduces nobody,
    /// because nobody should believe it. `last_seen` is when the greeted was
    /// heard last, in Unix seconds.
    pub fn to_json(
        from: &str,
        to: &str,
        seq: i64,
        last_seen: i64,
        me: &StatusBuilder,
        signature: &Signature,
    ) -> String {
        ObjectWriter::new()
            .text("From", from)
            .text("To", to)
            .i64("Seq", seq)
            .object("You", |you| {
                you.text("online", "ONLINE").i64("last_seen", last_seen);
            })
            .raw("Neighbors", "[]")
            .raw("Me", &me.howdy())
            .base64("Signature", &signature.0)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Keys, Soul};

    fn json() -> String {
        let keys = Keys::new(&Soul::from_seed([7; 32], "alice"), "alice").unwrap();
        let status = StatusBuilder {
            identity: *keys.identity(),
            mesh_ip: String::new(),
            memory_mode: "short",
            uptime_seconds: 1,
            version: "0.1.0",
        };
        let signature = keys.sign(Howdy::signed_text("alice", "bob", 3).as_bytes());
        Howdy::to_json("alice", "bob", 3, 1_768_756_453, &status, &signature)
    }

    #[test]
    fn a_howdy_goes_there_and_back() {
        let howdy = Howdy::parse(json().as_bytes()).unwrap();
        assert!(howdy.verify());
        assert_eq!(
            (howdy.from.as_str(), howdy.to.as_str(), howdy.seq),
            ("alice", "bob", 3)
        );
        let keys = Keys::new(&Soul::from_seed([7; 32], "alice"), "alice").unwrap();
        assert_eq!(howdy.sender().as_ref(), Some(keys.identity()));
        let other = Howdy { seq: 4, ..howdy };
        assert!(!other.verify());
    }

    #[test]
    fn observations_are_never_null() {
        assert!(json().contains("\"Observations\":{},"));
    }

    #[test]
    fn what_is_no_howdy_gets_the_reason() {
        let why = |from: &str, to: &str| {
            let text = json().replace(from, to);
            Howdy::parse(text.as_bytes()).unwrap_err().to_string()
        };
        assert_eq!(why("\"Signature\"", "\"Sign\""), "Signature: missing");
        assert_eq!(why("\"Me\"", "\"I\""), "Me: missing");
        assert_eq!(why("\"From\":\"alice\"", "\"From\":\"\""), "From: missing");
        assert_eq!(
            why("\"Neighbors\"", "\"neighbors\""),
            "the field \"Neighbors\" is spelled \"neighbors\""
        );
    }
}
