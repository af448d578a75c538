//! One nara: the real stash service on the real runtime. Keys cost nothing,
//! and what presence would find out by itself is told.

use light_nara::base::{Identity, Instant, NaraId, Now, PublicKey, Rng, WallTime};
use light_nara::identity::{OpenError, Signature};
use light_nara::neighbourhood::{MemoryMode, Presence};
use light_nara::runtime::{Behaviour, Context, Crypto, Me, Outgoing, PeerNews, Runtime, Service};
use light_nara::stash::{Config, Event, Padding, Stash, codec};

/// The true time at which it all begins.
const EPOCH: i64 = 1_768_756_453_000_000_000;

/// Both clocks at so many microseconds.
pub(crate) fn at(micros: u64) -> Now {
    Now {
        mono: Instant::from_micros(micros + 1_000_000),
        wall: WallTime::from_unix_nanos(EPOCH + micros as i64 * 1_000),
    }
}

/// Stands in for presence.
struct Whereabouts;

impl Service for Whereabouts {
    fn name(&self) -> &'static str {
        "presence"
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        Vec::new()
    }
}

fn tell(ctx: &mut Context<'_>, kind: &str, who: &Identity) {
    ctx.emit(kind, &PeerNews { who: *who });
}

/// Keys that cost nothing: nobody here forges anything, so a signature says
/// whose it is and no more.
struct NoCrypto(PublicKey);

impl Crypto for NoCrypto {
    fn sign(&self, _: &[u8]) -> Signature {
        let mut mark = [0; 64];
        mark[..32].copy_from_slice(&self.0.0);
        Signature(mark)
    }

    fn verify(&self, key: &PublicKey, _: &[u8], signature: &Signature) -> bool {
        signature.0[..32] == key.0
    }

    fn seal(&self, _: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        [plaintext, &self.0.0[..16]].concat()
    }

    fn open(&self, _: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError> {
        match ciphertext.split_last_chunk::<16>() {
            Some((plaintext, tag)) if *tag == self.0.0[..16] => Ok(plaintext.to_vec()),
            _ => Err(OpenError),
        }
    }
}

/// What somebody keeps who is a peer for a while.
pub(crate) struct Peer {
    pub(crate) who: Identity,
    pub(crate) mode: MemoryMode,
    pub(crate) runtime: Runtime,
    /// When it wants to do something next.
    pub(crate) due: u64,
    /// One way, between it and the broker.
    pub(crate) latency: u64,
    /// The owner that it is, if it is one.
    pub(crate) owner: Option<usize>,
}

pub(crate) fn identity(name: &str) -> Identity {
    let mut key = [0x42; 32];
    for (place, byte) in key.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    Identity {
        id: NaraId::parse(name).unwrap(),
        key: PublicKey(key),
    }
}

impl Peer {
    pub(crate) fn new(name: &str, config: Config, mut rng: Rng, micros: u64) -> Self {
        let who = identity(name);
        let me = Me {
            identity: who,
            name: name.to_owned(),
        };
        let mode = config.mode;
        let latency = 1_000 * (u64::from(rng.below(40)) + 5);
        let crypto = Box::new(NoCrypto(who.key));
        let now = at(micros);
        let mut runtime = Runtime::new(me, crypto, rng, now);
        runtime.add(Box::new(Whereabouts));
        runtime.add(Box::new(Stash::new(config, now)));
        runtime.start(now);
        runtime.set_connected(now, true);
        Self {
            who,
            mode,
            runtime,
            due: 0,
            latency,
            owner: None,
        }
    }

    /// What the project chooses, but that a copy has only the size it needs:
    /// that costs less, and nothing here depends on it.
    pub(crate) fn config(mode: MemoryMode, newborn: bool, target: usize, spares: usize) -> Config {
        Config {
            mode,
            target,
            spares,
            padding: Padding::None,
            ..Config::new(newborn)
        }
    }

    pub(crate) fn stash(&self) -> &Stash {
        self.runtime.service::<Stash>().unwrap()
    }

    /// Whether somebody is known to be here, and its mode, if it is told.
    pub(crate) fn knows(&self, who: &Identity, mode: Option<MemoryMode>) -> bool {
        let peer = self.runtime.peers().peer(who);
        peer.is_some_and(|peer| {
            peer.presence == Presence::Online && (mode.is_none() || peer.mode == mode)
        })
    }

    /// Somebody is here; its mode, if that is known by now; and whether it has
    /// just greeted.
    pub(crate) fn meet(
        &mut self,
        micros: u64,
        who: &Identity,
        mode: Option<MemoryMode>,
        greets: bool,
    ) {
        self.runtime.speak_as(at(micros), "presence", |ctx| {
            if ctx.heard(who, who.id.as_str()) {
                tell(ctx, "presence:online", who);
            }
            if let Some(peer) = ctx.peers_mut().peer_mut(who) {
                peer.mode = mode.or(peer.mode);
            }
            if greets {
                tell(ctx, "presence:hello", who);
            }
        });
    }

    /// Somebody is gone, as far as this nara can tell.
    pub(crate) fn miss(&mut self, micros: u64, who: &Identity, how: Presence) {
        self.runtime.speak_as(at(micros), "presence", |ctx| {
            let Some(peer) = ctx.peers_mut().peer_mut(who) else {
                return;
            };
            if peer.presence == Presence::Online {
                peer.presence = how;
                tell(ctx, "presence:gone", who);
            }
        });
    }

    pub(crate) fn stash_do(&mut self, micros: u64, run: impl FnOnce(&mut Stash, &mut Context<'_>)) {
        self.runtime.command(at(micros), run);
    }

    /// What it says, and the newest revision that somebody acknowledged.
    pub(crate) fn drain(&mut self) -> (Vec<Outgoing>, Option<u64>) {
        let mut saved = None;
        while let Some(event) = self.runtime.service_mut::<Stash>().unwrap().poll_event() {
            let receipt = match event {
                Event::Saved(receipt) | Event::Set(_, Ok(receipt)) => receipt,
                _ => continue,
            };
            if !receipt.holders.is_empty() {
                saved = saved.max(Some(receipt.revision));
            }
        }
        while self.runtime.poll_local().is_some() || self.runtime.poll_log().is_some() {}
        let sent = core::iter::from_fn(|| self.runtime.poll_outgoing()).collect();
        let due = self.runtime.poll_timeout().map(|(at, _)| at.as_micros());
        self.due = due.map_or(u64::MAX, |at| at.saturating_sub(1_000_000));
        (sent, saved)
    }

    /// The revision of the copy that it holds for somebody.
    pub(crate) fn revision_for(&self, owner: &Identity) -> Option<u64> {
        let held = self.stash().confidant().held().get(owner)?;
        let sealed = &held.sealed;
        let plaintext = NoCrypto(owner.key).open(&sealed.nonce, &sealed.ciphertext);
        Some(codec::decode(&plaintext.ok()?).ok()?.memory.revision)
    }
}
