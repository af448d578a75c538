//! Howdys: answers to a hey_there, with an introduction to others.

use super::envelope::{MessageError, frame_text};
use super::json::ObjectWriter;
use super::payload::Fields;
use super::status::{MESH_IP_LENGTH_MAX, Status, StatusBuilder, lenient_text};
use super::writer::signed_decimal;
use crate::base::Identity;
use crate::identity::{NAME_LENGTH_MAX, Signature, verify};

/// How many neighbours are read from one howdy; more are passed over.
pub const NEIGHBOURS_MAX: usize = 64;

const FIELDS: &[&str] = &["From", "To", "Seq", "You", "Neighbors", "Me", "Signature"];
const NEIGHBOUR_FIELDS: &[&str] = &["Name", "PublicKey", "MeshIP", "ID", "Observation"];

/// Somebody whom a howdy introduces: hearsay, which no signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The name.
    pub name: String,
    /// Who it is said to be.
    pub who: Identity,
    /// Where it is said to be reached; may be empty.
    pub mesh_ip: String,
}

impl Neighbour {
    /// `None` for a neighbour without a usable name, key and id.
    fn parse(json: &str) -> Option<Self> {
        let mut fields = Fields::of(json, NEIGHBOUR_FIELDS);
        let neighbour = Self {
            name: fields.needed_text("Name", NAME_LENGTH_MAX),
            who: Identity {
                id: fields.id("ID"),
                key: fields.key("PublicKey"),
            },
            mesh_ip: lenient_text(&mut fields, "MeshIP", MESH_IP_LENGTH_MAX),
        };
        fields.done(neighbour).ok()
    }
}

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
    /// Whom it introduces.
    pub neighbours: Vec<Neighbour>,
    /// What is read from the status of who says it.
    pub me: Status,
    /// The signature over [`Howdy::signed_text`].
    pub signature: Option<Signature>,
}

impl Howdy {
    /// Reads a howdy. Its signature is there but not verified yet.
    ///
    /// # Errors
    /// When it is none, or unsigned; the error names the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::of(frame_text(bytes)?, FIELDS);
        let me = fields.needed("Me");
        let neighbours = fields.items("Neighbors", usize::MAX);
        let neighbours = neighbours.into_iter().take(NEIGHBOURS_MAX);
        let howdy = Self {
            signature: fields.needed_signature("Signature"),
            from: fields.needed_text("From", NAME_LENGTH_MAX),
            to: fields.text("To", NAME_LENGTH_MAX),
            seq: fields.i64("Seq"),
            neighbours: neighbours.filter_map(Neighbour::parse).collect(),
            me: Status::read(&mut fields, me),
        };
        Ok(fields.done(howdy)?)
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
        let you = ObjectWriter::new()
            .text("online", "ONLINE")
            .i64("last_seen", last_seen)
            .finish();
        ObjectWriter::new()
            .text("From", from)
            .text("To", to)
            .i64("Seq", seq)
            .raw("You", &you)
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
            identity: keys.identity().clone(),
            mesh_ip: String::new(),
            memory_mode: "short",
            uptime_seconds: 1,
            version: "0.1.0",
        };
        let signature = keys.sign(Howdy::signed_text("alice", "bob", 3).as_bytes());
        Howdy::to_json("alice", "bob", 3, 1_768_756_453, &status, &signature)
    }

    fn introducing(neighbours: &str) -> Vec<Neighbour> {
        let text = json().replace("\"Neighbors\":[]", &format!("\"Neighbors\":[{neighbours}]"));
        Howdy::parse(text.as_bytes()).unwrap().neighbours
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
    fn so_many_neighbours_are_read_and_no_more() {
        let key = json().split("\"PublicKey\":\"").nth(1).unwrap()[..44].to_owned();
        let one = format!(r#"{{"Name":"x","PublicKey":"{key}","ID":"x"}}"#);
        assert_eq!(introducing(&one).len(), 1);
        assert_eq!(
            introducing(&vec![one; NEIGHBOURS_MAX + 1].join(",")).len(),
            NEIGHBOURS_MAX
        );
    }

    #[test]
    fn a_neighbour_that_makes_no_sense_is_passed_over() {
        assert!(introducing("5,{},null,{\"Name\":\"\"}").is_empty());
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
