//! One machine with one nara, what its user knows, and what must always hold
//! of it.

use super::broker::Client;
use super::gateway::ORIGIN;
use super::limits;
use super::marks::{Marking, digest};
use super::probe::Probe;
use super::secrets::Secrets;
use super::vice::Vice;
use light_nara::base::{Identity, Instant, Now, Rng, WallTime};
use light_nara::identity::{Keys, Soul};
use light_nara::message::Response;
use light_nara::nara::{Config, Nara, Newborn};
use light_nara::stash::{OperationId, codec};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The true time at which a simulation begins.
const EPOCH: i64 = 1_768_756_453_000_000_000;

/// How late an operation may end: a timer of the simulation is never late, but
/// a fault may come between.
const SLACK: u64 = 2_000_000;

/// The time that a clock shows which is right.
pub(super) fn true_time(micros: u64) -> WallTime {
    WallTime::from_unix_nanos(EPOCH + micros as i64 * 1_000)
}

/// Bytes on their way, and what tells them from others: it is found out once
/// for all whom they reach.
#[derive(Clone)]
pub(super) struct Parcel {
    pub(super) bytes: Rc<[u8]>,
    pub(super) digest: u64,
}

impl From<Vec<u8>> for Parcel {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            digest: digest(&[&bytes]) as u64,
            bytes: bytes.into(),
        }
    }
}

/// What reaches a host from outside.
#[derive(Clone)]
pub(super) enum Input {
    Opened,
    Closed,
    Data(Parcel),
    /// From the socket to the gateway.
    MeshClosed,
    MeshData(Parcel),
}

/// How a host gives one owner a place.
pub(super) struct Place {
    /// Since when.
    pub(super) since: u64,
    /// Whether the owner was there after the hour for which it is provisional.
    pub(super) is_honoured: bool,
}

/// Somebody who is only bytes.
#[derive(Default)]
pub(super) struct Stranger {
    /// Whether it signs under a key of its own.
    pub(super) has_key: bool,
    /// Bytes from it, and to it.
    pub(super) from: usize,
    pub(super) sent: usize,
}

pub(super) struct Host {
    pub(super) soul: String,
    padding: &'static str,
    pub(super) secrets: Secrets,
    pub(super) vice: Vice,
    pub(super) keys: Keys,
    pub(super) nara: Option<Nara>,
    /// When it wants to be called, as it said after its last input.
    pub(super) timer: Option<u64>,
    /// Counts instances, so that what was meant for an older one is dropped.
    pub(super) life: u32,
    /// Counts sockets, likewise.
    pub(super) socket: u32,
    /// Those to the gateway.
    pub(super) mesh_socket: u32,
    /// Whether it knows of the gateway.
    has_gateway: bool,
    /// Under which key and address somebody answered, and when.
    pub(super) proven: BTreeMap<(usize, u16), u64>,
    pub(super) client: Option<Client>,
    pub(super) latency: u64,
    pub(super) cut_until: u64,
    pub(super) dozes_until: u64,
    pub(super) inbox: Vec<(u32, Input)>,
    pub(super) skew: i64,
    pub(super) frozen: Option<i64>,
    pub(super) slow: u64,
    pub(super) busy_until: u64,
    pub(super) operations: Vec<(OperationId, u64)>,
    /// What was set, by revision. A nara that began anew may use one twice.
    pub(super) written: BTreeMap<u64, Vec<String>>,
    /// The newest revision that was reported as saved.
    pub(super) saved: Option<u64>,
    pub(super) sets: u64,
    /// What was held when it was last looked at, by nonce and time of store.
    pub(super) looked_at: Vec<([u8; 24], i64)>,
    /// The revision held for each owner now, and the time of its store.
    pub(super) held: BTreeMap<usize, (u64, i64)>,
    /// The places of those owners.
    pub(super) places: BTreeMap<usize, Place>,
    /// The highest that this instance held for each owner.
    pub(super) held_ever: BTreeMap<usize, u64>,
    /// What earlier ones held at most, each with the time of its end.
    pub(super) held_before: BTreeMap<usize, Vec<(u64, u64)>>,
    /// Who seemed to be restarted, and when that was heard last.
    pub(super) restarts: BTreeMap<usize, u64>,
    /// Whether it said that it sleeps.
    pub(super) is_asleep: bool,
    /// On which side it is while the naras are two groups.
    pub(super) side: bool,
    /// Whom this owner told to forget.
    pub(super) deleted_at: BTreeSet<usize>,
    /// Since when its connection has held.
    pub(super) connected_at: u64,
    /// When it woke, and who could have given which revision back then.
    pub(super) woken: Option<(u64, Vec<(usize, u64)>)>,
    /// What this host gave each owner first, to give it again as a lie.
    pub(super) oldest: BTreeMap<String, Response>,
    /// Strangers that attackers made up, by id.
    pub(super) unproven: BTreeMap<String, Stranger>,
}

impl Host {
    pub(super) fn new(rng: &mut Rng, gateway_exists: bool) -> Self {
        let born = Config::born(Newborn(rng.array()), None).unwrap();
        let soul = born.soul().to_text();
        let parsed = Soul::parse(&soul).unwrap();
        Self {
            secrets: Secrets::of(&soul),
            soul,
            // What is always as long as it can be costs most of the time.
            padding: ["full", "buckets", "buckets", "none"][rng.below(4) as usize],
            keys: Keys::new(&parsed, &parsed.generated_name()).unwrap(),
            vice: Vice::None,
            nara: None,
            timer: None,
            life: 0,
            socket: 0,
            mesh_socket: 0,
            has_gateway: gateway_exists && rng.below(4) > 0,
            proven: BTreeMap::new(),
            client: None,
            latency: 1_000 * (u64::from(rng.below(80)) + 5),
            cut_until: 0,
            dozes_until: 0,
            inbox: Vec::new(),
            skew: 0,
            frozen: None,
            slow: 0,
            busy_until: 0,
            operations: Vec::new(),
            written: BTreeMap::new(),
            saved: None,
            sets: 0,
            looked_at: Vec::new(),
            held: BTreeMap::new(),
            places: BTreeMap::new(),
            held_ever: BTreeMap::new(),
            held_before: BTreeMap::new(),
            restarts: BTreeMap::new(),
            is_asleep: false,
            side: false,
            deleted_at: BTreeSet::new(),
            connected_at: 0,
            woken: None,
            oldest: BTreeMap::new(),
            unproven: BTreeMap::new(),
        }
    }

    /// Wakes a new instance. The first is newborn, others come with a soul.
    pub(super) fn wake(&mut self, seed: [u8; 32], micros: u64) {
        let config = if self.life == 0 {
            let soul = Soul::parse(&self.soul).unwrap();
            Config::born(Newborn(*soul.seed()), None).unwrap()
        } else {
            Config::reborn(&self.soul, None).unwrap()
        };
        let config = config.with_padding(self.padding).unwrap();
        let config = match self.has_gateway {
            true => config.with_gateway(ORIGIN).unwrap(),
            false => config,
        };
        self.life += 1;
        let now = self.now(micros);
        let nara = Nara::with_crypto(config, seed, now, |keys| Box::new(Marking(keys)));
        self.nara = Some(nara.with_service(Probe::default()));
    }

    /// The instance ends, and with it all that it kept. Returns how many
    /// calls had ended.
    pub(super) fn end_nara(&mut self, micros: u64) -> u64 {
        let nara = self.nara.take();
        let probe = nara.as_ref().and_then(|nara| nara.service::<Probe>());
        let ended = probe.map_or(0, |probe| probe.ended);
        self.socket += 1;
        self.mesh_socket += 1;
        self.proven.clear();
        self.inbox.clear();
        self.operations.clear();
        self.looked_at.clear();
        self.held.clear();
        for (of, revision) in core::mem::take(&mut self.held_ever) {
            let lives = self.held_before.entry(of).or_default();
            lives.push((revision, micros));
        }
        self.restarts.clear();
        self.is_asleep = false;
        self.places.clear();
        self.woken = None;
        ended
    }

    /// The socket that this would have to come from.
    pub(super) fn socket_for(&self, input: &Input) -> u32 {
        match input {
            Input::MeshClosed | Input::MeshData(_) => self.mesh_socket,
            _ => self.socket,
        }
    }

    /// Whether nothing keeps it from being heard.
    pub(super) fn is_well(&self, micros: u64) -> bool {
        let is_right = self.skew == 0 && self.frozen.is_none() && self.slow == 0;
        let is_there = self.nara.is_some() && self.client.is_some();
        is_right && is_there && !self.is_cut(micros) && !self.dozes(micros)
    }

    pub(super) fn now(&self, micros: u64) -> Now {
        let wall = true_time(micros).unix_nanos() + self.skew;
        Now {
            mono: Instant::from_micros(micros),
            wall: WallTime::from_unix_nanos(self.frozen.unwrap_or(wall)),
        }
    }

    pub(super) fn who(&self) -> &Identity {
        self.keys.identity()
    }

    pub(super) fn is_cut(&self, micros: u64) -> bool {
        micros < self.cut_until
    }

    pub(super) fn dozes(&self, micros: u64) -> bool {
        micros < self.dozes_until
    }

    /// An operation ends once and in time.
    pub(super) fn end(&mut self, operation: OperationId) -> Result<(), String> {
        let found = self
            .operations
            .iter()
            .position(|(one, _)| *one == operation);
        match found {
            Some(place) => {
                self.operations.swap_remove(place);
                Ok(())
            }
            None => Err(format!("{operation:?} ended twice")),
        }
    }

    /// It sleeps: with that the application ends all that waits, as
    /// www/nara/nara.js does.
    pub(super) fn fall_asleep(&mut self) -> Result<(), String> {
        self.operations.clear();
        if core::mem::replace(&mut self.is_asleep, true) {
            return Err("it fell asleep twice".to_owned());
        }
        Ok(())
    }

    /// What must hold of this nara alone, whatever happens.
    pub(super) fn check(&self, micros: u64) -> Result<(), String> {
        let Some(nara) = &self.nara else {
            return Ok(());
        };
        let late = |until: &u64| until.max(&self.dozes_until) + SLACK < micros;
        if let Some((operation, _)) = self.operations.iter().find(|(_, until)| late(until)) {
            return Err(format!("{operation:?} is beyond its deadline"));
        }
        limits::check(nara)?;
        let confidant = nara.stash().unwrap().confidant();
        let (held, limit) = (confidant.held().len(), confidant.limit());
        if held > limit {
            return Err(format!("{held} stashes are held, of at most {limit}"));
        }
        let latest = micros.saturating_sub(SLACK);
        match nara.service::<Probe>() {
            Some(probe) if self.dozes_until + SLACK < micros => {
                probe.check(Instant::from_micros(latest))
            }
            _ => Ok(()),
        }
    }

    /// The revision inside what somebody holds for this owner.
    pub(super) fn revision_of(&self, nonce: &[u8; 24], sealed: &[u8]) -> Option<u64> {
        let plaintext = self.keys.open(nonce, sealed).ok()?;
        Some(codec::decode(&plaintext).ok()?.memory.revision)
    }
}
