//! Somebody on the plaza, honest or not, who can say whatever its keys sign.

use super::target::{DIRECT, Frame, Target};
use light_nara::base::{Identity, NaraId, Now, WallTime};
use light_nara::identity::{Keys, Signature, Soul};
use light_nara::message::{
    Ack, Bytes, Howdy, Message, Newspaper, Payload, StatusBuilder, Store, SyncEvent, Timestamp,
    to_go_json,
};

pub(crate) struct Peer {
    pub(crate) keys: Keys,
    /// Whom it claims to be; its own id, unless it lies.
    pub(crate) who: Identity,
    pub(crate) name: String,
}

impl Peer {
    pub(crate) fn new(name: &str) -> Self {
        let mut seed = [0x5a; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let keys = Keys::new(&Soul::from_seed(seed, name), name).unwrap();
        Self {
            who: *keys.identity(),
            name: name.to_owned(),
            keys,
        }
    }

    /// The same keys, under an id and a name that are somebody else's.
    pub(crate) fn posing_as(name: &str, id: &NaraId, called: &str) -> Self {
        let mut liar = Self::new(name);
        liar.who.id = *id;
        called.clone_into(&mut liar.name);
        liar
    }

    pub(crate) fn id(&self) -> &str {
        self.who.id.as_str()
    }

    fn event(&self, topic: &str, mut event: SyncEvent) -> Frame {
        event.sig = Some(self.keys.sign(&event.signing_bytes()));
        Frame::new(topic, event.to_json())
    }

    pub(crate) fn hey_there(&self, at: WallTime) -> Frame {
        let event = SyncEvent::hey_there(at, &self.name, &self.who, "");
        self.event("nara/plaza/hey_there", event)
    }

    pub(crate) fn chau(&self, at: WallTime) -> Frame {
        let event = SyncEvent::chau(at, &self.name, &self.who);
        self.event("nara/plaza/chau", event)
    }

    fn status(&self) -> StatusBuilder {
        StatusBuilder {
            identity: self.who,
            mesh_ip: String::new(),
            memory_mode: "hog",
            uptime_seconds: 1,
            version: "1",
        }
    }

    pub(crate) fn newspaper(&self) -> Frame {
        let newspaper = Newspaper::unsigned(&self.name, self.status().newspaper());
        let signature = self.keys.sign(newspaper.signed_text().as_bytes());
        let topic = format!("nara/newspaper/{}", self.name);
        Frame::new(&topic, newspaper.to_json(&signature))
    }

    pub(crate) fn howdy(&self, to: &str) -> Frame {
        let text = Howdy::signed_text(&self.name, to, 1);
        let signature = self.keys.sign(text.as_bytes());
        let json = Howdy::to_json(&self.name, to, 1, 0, &self.status(), &signature);
        Frame::new("nara/plaza/howdy", json)
    }

    /// A message, not signed yet.
    pub(crate) fn draft<P: Payload>(&self, now: Now, to: &str, kind: &str, payload: &P) -> Message {
        let mut message = Message::draft(kind, 1, to_go_json(payload));
        message.from.clone_from(&self.name);
        self.id().clone_into(&mut message.from_id);
        to.clone_into(&mut message.to_id);
        message.timestamp = Timestamp::from_wall(now.wall);
        message.id = message.computed_id();
        message
    }

    /// Signs a message with the keys that it has, and names the key.
    pub(crate) fn sign(&self, mut message: Message) -> Message {
        message.key = Some(self.keys.public_key());
        message.signature = Some(self.keys.sign(message.signable().as_bytes()));
        message
    }

    /// A signed message to the target, of its present.
    pub(crate) fn says<P: Payload>(&self, target: &Target, kind: &str, payload: &P) -> Message {
        self.sign(self.draft(target.now(), target.id(), kind, payload))
    }

    /// A signed answer to what the target sent.
    pub(crate) fn answers<P: Payload>(
        &self,
        target: &Target,
        to: &Message,
        kind: &str,
        payload: &P,
    ) -> Message {
        let mut answer = self.draft(target.now(), target.id(), kind, payload);
        answer.in_reply_to.clone_from(&to.id);
        self.sign(answer)
    }

    /// The ack of a light nara to a store.
    pub(crate) fn acks(&self, target: &Target, store: &Message) -> Message {
        let ack = Ack {
            owner_id: target.id().to_owned(),
            stored_at: target.now().wall.unix_seconds(),
            success: true,
            reason: store.id.clone(),
        };
        self.answers(target, store, "stash:ack", &ack)
    }

    /// A store of its own, sealed by itself.
    pub(crate) fn store(&self, target: &Target, memory: &str) -> Message {
        self.says(
            target,
            "stash:store",
            &self.sealed(memory, target.now().wall),
        )
    }

    pub(crate) fn sealed(&self, memory: &str, at: WallTime) -> Store {
        let nonce = [memory.len() as u8; 24];
        Store {
            owner_id: self.id().to_owned(),
            owner: self.name.clone(),
            nonce: Bytes::from(nonce.to_vec()),
            ciphertext: Bytes::from(self.keys.seal(nonce, memory.as_bytes())),
            ts: at.unix_seconds(),
        }
    }

    pub(crate) fn signature(&self, text: &str) -> Signature {
        self.keys.sign(text.as_bytes())
    }
}

/// A message on the topic of whoever it is for.
pub(crate) fn direct(message: &Message) -> Frame {
    Frame::new(&format!("{DIRECT}{}", message.to_id), message.to_json())
}
