//! hey_there and chau: the events by which naras come and go.

use super::envelope::{MessageError, frame_text};
use super::json::ObjectWriter;
use super::payload::Fields;
use super::status::MESH_IP_LENGTH_MAX;
use crate::base::{ID_LENGTH_MAX, IdError, Identity, NaraId, PublicKey, WallTime, sha256};
use crate::identity::{NAME_LENGTH_MAX, Signature, verify};

const EVENT_FIELDS: &[&str] = &[
    "id",
    "ts",
    "svc",
    "emitter",
    "sig",
    "hey_there",
    "chau",
    "settled",
];
const BODY_FIELDS: &[&str] = &["From", "PublicKey", "MeshIP", "ID"];

/// "I am here": who, with which key, reached where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeyThere {
    /// The name.
    pub from: String,
    /// The key, which also signs the event.
    pub public_key: PublicKey,
    /// Where it is reached: an address, an address with a port, or empty.
    pub mesh_ip: String,
    /// The id, which the signature does not cover; old naras leave it empty.
    pub id: String,
}

/// "I am going."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chau {
    /// The name.
    pub from: String,
    /// The key, which also signs the event.
    pub public_key: PublicKey,
    /// The id, which the signature does not cover; old naras leave it empty.
    pub id: String,
}

/// What a presence event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceEvent {
    /// Somebody is here.
    HeyThere(HeyThere),
    /// Somebody is going.
    Chau(Chau),
}

impl PresenceEvent {
    /// The canonical text, which event id and signature cover.
    pub fn content(&self) -> String {
        match self {
            Self::HeyThere(hey) => {
                format!(
                    "hey_there:{}:{}:{}",
                    hey.from,
                    hey.public_key.to_text(),
                    hey.mesh_ip
                )
            }
            Self::Chau(chau) => format!("chau:{}:{}", chau.from, chau.public_key.to_text()),
        }
    }

    /// Who says it.
    pub fn from(&self) -> &str {
        match self {
            Self::HeyThere(hey) => &hey.from,
            Self::Chau(chau) => &chau.from,
        }
    }

    fn service(&self) -> &'static str {
        match self {
            Self::HeyThere(_) => "hey-there",
            Self::Chau(_) => "chau",
        }
    }

    fn write(&self, object: &mut ObjectWriter) {
        // The body's own signature is always empty; the event's counts.
        let id = match self {
            Self::HeyThere(hey) => {
                object
                    .text("From", &hey.from)
                    .base64("PublicKey", &hey.public_key.0)
                    .text("MeshIP", &hey.mesh_ip);
                &hey.id
            }
            Self::Chau(chau) => {
                object
                    .text("From", &chau.from)
                    .base64("PublicKey", &chau.public_key.0);
                &chau.id
            }
        };
        object.text("ID", id).text("Signature", "");
    }
}

/// A presence event as it is published and passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEvent {
    /// Names the event: half a hash of its time and content, in hexadecimal.
    pub id: String,
    /// When it was made, in Unix nanoseconds.
    pub ts: i64,
    /// The name of who made it.
    pub emitter: String,
    /// The signature over [`SyncEvent::signing_bytes`].
    pub sig: Option<Signature>,
    /// What it says.
    pub body: PresenceEvent,
    /// Whether a hey_there needs no howdys, because who says it has been here
    /// for a while and knows many. Unsigned: an addition of light naras, which
    /// all say it.
    pub settled: Option<bool>,
}

impl SyncEvent {
    /// Announces that a nara is here; not signed yet.
    pub fn hey_there(at: WallTime, name: &str, who: &Identity, mesh_ip: &str) -> Self {
        Self::unsigned(
            at,
            PresenceEvent::HeyThere(HeyThere {
                from: name.to_owned(),
                public_key: who.key,
                mesh_ip: mesh_ip.to_owned(),
                id: who.id.to_text(),
            }),
        )
    }

    /// Announces that a nara is going; not signed yet.
    pub fn chau(at: WallTime, name: &str, who: &Identity) -> Self {
        let id = who.id.to_text();
        let chau = Chau {
            from: name.to_owned(),
            public_key: who.key,
            id,
        };
        Self::unsigned(at, PresenceEvent::Chau(chau))
    }

    fn unsigned(at: WallTime, body: PresenceEvent) -> Self {
        let mut event = Self {
            id: String::new(),
            ts: at.unix_nanos(),
            emitter: body.from().to_owned(),
            sig: None,
            body,
            settled: None,
        };
        event.id = event.computed_id();
        event
    }

    /// Reads an event. Its signature is there but not verified yet.
    ///
    /// # Errors
    /// When it is no hey_there or chau, or unsigned; the error names the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::of(frame_text(bytes)?, EVENT_FIELDS);
        let service = fields.text("svc", NAME_LENGTH_MAX);
        let (name, is_chau) = match service.as_str() {
            "chau" => ("chau", true),
            "hey-there" => ("hey_there", false),
            _ => {
                fields.fail("svc", "neither hey-there nor chau".to_owned());
                ("", false)
            }
        };
        // The fields of the body are named like those of the event would be.
        let mut body = Fields::of(fields.raw(name).unwrap_or("null"), BODY_FIELDS);
        let hey = HeyThere {
            from: body.needed_text("From", NAME_LENGTH_MAX),
            public_key: body.key("PublicKey"),
            mesh_ip: body.text("MeshIP", MESH_IP_LENGTH_MAX),
            id: body.text("ID", ID_LENGTH_MAX),
        };
        fields.also(body);
        let emitter = fields.text("emitter", NAME_LENGTH_MAX);
        if emitter != hey.from {
            fields.fail("emitter", "not the name in the event".to_owned());
        }
        let event = Self {
            sig: fields.needed_signature("sig"),
            id: fields.text("id", ID_LENGTH_MAX),
            ts: fields.i64("ts"),
            emitter,
            settled: fields.raw("settled").map(|settled| settled == "true"),
            body: match is_chau {
                false => PresenceEvent::HeyThere(hey),
                true => PresenceEvent::Chau(Chau {
                    from: hey.from,
                    public_key: hey.public_key,
                    id: hey.id,
                }),
            },
        };
        fields.end()?;
        Ok(event)
    }

    /// The event as it goes on the wire.
    pub fn to_json(&self) -> String {
        let name = match self.body {
            PresenceEvent::HeyThere(_) => "hey_there",
            PresenceEvent::Chau(_) => "chau",
        };
        let signature: &[u8] = self.sig.as_ref().map_or(&[], |signature| &signature.0);
        let mut object = ObjectWriter::new();
        object
            .text("id", &self.id)
            .i64("ts", self.ts)
            .text("svc", self.body.service())
            .text_if_any("emitter", &self.emitter)
            .base64_if_any("sig", signature)
            .object(name, |object| self.body.write(object));
        if let Some(settled) = self.settled {
            object.bool("settled", settled);
        }
        object.finish()
    }

    /// The id that belongs to the event's time and content.
    pub fn computed_id(&self) -> String {
        let text = format!(
            "{}:{}:{}",
            self.ts,
            self.body.service(),
            self.body.content()
        );
        let hash = sha256(&[text.as_bytes()]);
        let mut id = String::new();
        for byte in hash.iter().take(16) {
            for digit in [byte >> 4, byte & 15] {
                id.extend(char::from_digit(digit.into(), 16));
            }
        }
        id
    }

    /// What the signature covers: a hash of everything but the nara's id.
    pub fn signing_bytes(&self) -> [u8; 32] {
        let (id, ts, service) = (&self.id, self.ts, self.body.service());
        let text = format!(
            "{id}:{ts}:{service}:{}:{}",
            self.emitter,
            self.body.content()
        );
        sha256(&[text.as_bytes()])
    }

    /// Whether the key in the event signed it, under the id that belongs to it.
    pub fn verify(&self) -> bool {
        let Some(signature) = &self.sig else {
            return false;
        };
        self.id == self.computed_id() && verify(&self.key(), &self.signing_bytes(), signature)
    }

    /// The key that the event names.
    pub fn key(&self) -> PublicKey {
        match &self.body {
            PresenceEvent::HeyThere(hey) => hey.public_key,
            PresenceEvent::Chau(chau) => chau.public_key,
        }
    }

    /// Who the event is about.
    ///
    /// # Errors
    /// When the event gives no id, as old naras do, or one that is none.
    pub fn identity(&self) -> Result<Identity, IdError> {
        let id = match &self.body {
            PresenceEvent::HeyThere(hey) => &hey.id,
            PresenceEvent::Chau(chau) => &chau.id,
        };
        Ok(Identity {
            id: NaraId::parse(id)?,
            key: self.key(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Keys, Soul};

    fn keys() -> Keys {
        Keys::new(&Soul::from_seed([7; 32], "alice"), "alice").unwrap()
    }

    fn hey_there() -> SyncEvent {
        let keys = keys();
        let at = WallTime::from_unix_seconds(1_768_756_453);
        let mut event = SyncEvent::hey_there(at, "alice", keys.identity(), "");
        event.sig = Some(keys.sign(&event.signing_bytes()));
        event
    }

    #[test]
    fn an_event_goes_there_and_back() {
        let event = hey_there();
        assert!(event.verify());
        assert_eq!(event.identity().as_ref(), Ok(keys().identity()));
        assert_eq!(SyncEvent::parse(event.to_json().as_bytes()).unwrap(), event);
        let mut chau = SyncEvent::chau(WallTime::default(), "alice", keys().identity());
        assert!(!chau.verify());
        chau.sig = Some(keys().sign(&chau.signing_bytes()));
        assert!(chau.verify());
        assert_eq!(SyncEvent::parse(chau.to_json().as_bytes()).unwrap(), chau);
    }

    #[test]
    fn an_id_that_does_not_belong_to_the_event_is_no_proof() {
        let mut event = hey_there();
        event.id = "ff".repeat(16);
        event.sig = Some(keys().sign(&event.signing_bytes()));
        assert!(!event.verify());
        assert_eq!(SyncEvent::parse(event.to_json().as_bytes()).unwrap(), event);
    }

    #[test]
    fn what_is_no_presence_event_gets_the_reason() {
        let json = hey_there().to_json();
        let why = |from: &str, to: &str| {
            let text = json.replacen(from, to, 1);
            assert_ne!(text, json);
            SyncEvent::parse(text.as_bytes()).unwrap_err().to_string()
        };
        assert_eq!(why("\"sig\":", "\"gis\":"), "sig: missing");
        assert_eq!(why("hey-there", "seen"), "svc: neither hey-there nor chau");
        assert_eq!(
            why("\"emitter\":\"alice\"", "\"emitter\":\"bob\""),
            "emitter: not the name in the event"
        );
        assert_eq!(why("\"From\":\"alice\"", "\"From\":\"\""), "From: missing");
        assert_eq!(why("\"PublicKey\"", "\"Key\""), "PublicKey: missing");
        assert_eq!(
            why("\"MeshIP\"", "\"MeshIp\""),
            "the field \"MeshIP\" is spelled \"MeshIp\""
        );
        let long = format!("\"MeshIP\":\"{}\"", "1".repeat(256));
        assert_eq!(
            why("\"MeshIP\":\"\"", &long),
            "MeshIP: longer than 255 bytes"
        );
        assert!(why("hey_there", "hello_there").starts_with("not a JSON object"));
    }
}
