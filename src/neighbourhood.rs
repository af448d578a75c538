//! Who is there: every identity that this nara has heard of, whether it is
//! online, and what it says of itself. Presence writes it, others read it.

use crate::base::{Gather, Identity, Instant, NaraId, Now, SortedMap, WallTime, sort_by_key};
use core::cmp::Reverse;
use core::time::Duration;

/// How many peers are remembered; the least useful is forgotten first.
pub const PEERS_MAX: usize = 2_000;

/// How many peers that nothing depends on are followed; whoever is online
/// beyond that speaks to this nara itself.
pub const FOLLOWED_MAX: usize = 128;

/// Silence on the plaza after which a peer counts as missing.
pub const MISSING_AFTER: Duration = Duration::from_secs(5 * 60);

/// That somebody seems to be restarted is told so often at most.
pub const RESTARTS_EVERY: Duration = Duration::from_secs(60);

/// A Go nara on a busy machine publishes every 300 s and says nothing else, so
/// it is given a little more.
const QUIET_GRACE: Duration = Duration::from_secs(30);

/// How much a nara is ready to hold for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryMode {
    /// At most 5 stashes. Also spelled `low`.
    Short,
    /// At most 20 stashes.
    Medium,
    /// At most 50 stashes. Also spelled `high`.
    Hog,
}

impl MemoryMode {
    /// Reads either spelling; `None` for any other word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "short" | "low" => Some(Self::Short),
            "medium" => Some(Self::Medium),
            "hog" | "high" => Some(Self::Hog),
            _ => None,
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Medium => "medium",
            Self::Hog => "hog",
        }
    }

    /// How many stashes of others fit.
    pub fn stash_limit(self) -> usize {
        match self {
            Self::Short => 5,
            Self::Medium => 20,
            Self::Hog => 50,
        }
    }
}

/// What is known of a peer's whereabouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its newest event says that it is here.
    Online,
    /// It said chau.
    Offline,
    /// It fell silent without a word.
    Missing,
}

impl Presence {
    /// The word used towards people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Missing => "missing",
        }
    }
}

/// One identity and what this nara has seen of it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it calls itself; nobody can check it.
    pub name: String,
    /// Whether it is here.
    pub presence: Presence,
    /// From a newspaper whose signature fits the key.
    pub mode: Option<MemoryMode>,
    /// When this nara first heard of it.
    pub first_seen: Now,
    /// When this nara last heard from it.
    pub last_seen: Now,
    /// The time inside its newest hey_there or chau; times only grow.
    pub event_time: WallTime,
    /// For how many seconds it has been up, as its newest newspaper says.
    pub uptime: u64,
    /// When it was last told that it seems to be restarted, and whether it has
    /// seemed so again since.
    restarted: Option<(Instant, bool)>,
    /// Where the mesh reaches it, as its newest hey_there says; or empty.
    pub mesh_ip: String,
    /// What it signed about that address, as it came, be it a hey_there or a
    /// newspaper: it proves the address to a gateway.
    pub proof: String,
    /// Whether it speaks as light naras do, and so is reached by its topic;
    /// `None` while that is not known.
    pub light: Option<bool>,
}

impl Peer {
    /// How long this nara itself has known it; never what the peer claims.
    pub fn age(&self, now: Now) -> Duration {
        now.mono - self.first_seen.mono
    }

    /// It seems to be restarted. Returns whether that is to be told now, or
    /// when the minute is over behind the last time: an old newspaper, played
    /// again, looks the same.
    pub fn note_restart(&mut self, now: Now) -> bool {
        if let Some((told_at, is_due)) = &mut self.restarted
            && now.mono - *told_at < RESTARTS_EVERY
        {
            *is_due = true;
            return false;
        }
        self.restarted = Some((now.mono, false));
        true
    }
}

/// Everybody this nara has heard of, by identity.
#[derive(Default)]
pub struct Neighbourhood {
    peers: SortedMap<Identity, Peer>,
    on_the_mesh: bool,
}

impl Neighbourhood {
    /// Notes that a verified message came from this identity, and returns
    /// whether that brought it online.
    pub fn heard(&mut self, now: Now, who: &Identity, name: &str) -> bool {
        if let Some(peer) = self.peers.get_mut(who) {
            let came_online = peer.presence != Presence::Online;
            peer.presence = Presence::Online;
            peer.last_seen = now;
            if !name.is_empty() && peer.name != name {
                name.clone_into(&mut peer.name);
            }
            return came_online;
        }
        self.make_room();
        let peer = Peer {
            name: name.to_owned(),
            presence: Presence::Online,
            mode: None,
            first_seen: now,
            last_seen: now,
            event_time: WallTime::default(),
            uptime: 0,
            restarted: None,
            mesh_ip: String::new(),
            proof: String::new(),
            light: None,
        };
        self.peers.insert(*who, peer);
        true
    }

    /// One peer.
    pub fn peer(&self, who: &Identity) -> Option<&Peer> {
        self.peers.get(who)
    }

    /// One peer, to be changed.
    pub fn peer_mut(&mut self, who: &Identity) -> Option<&mut Peer> {
        self.peers.get_mut(who)
    }

    /// Whether this identity is online.
    pub fn is_online(&self, who: &Identity) -> bool {
        self.peers
            .get(who)
            .is_some_and(|peer| peer.presence == Presence::Online)
    }

    /// Whether this identity is a Go nara, as far as is known.
    pub fn is_go(&self, who: &Identity) -> bool {
        let peer = self.peers.get(who);
        peer.is_some_and(|peer| peer.light == Some(false))
    }

    /// Everybody, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Identity, &Peer)> {
        self.peers.iter()
    }

    /// Everybody who is online.
    pub fn online(&self) -> impl Iterator<Item = (&Identity, &Peer)> {
        self.iter()
            .filter(|(_, peer)| peer.presence == Presence::Online)
    }

    /// Notes whether this nara itself is on the mesh.
    pub fn set_on_the_mesh(&mut self, on_the_mesh: bool) {
        self.on_the_mesh = on_the_mesh;
    }

    /// Whether some way leads to this identity, as far as is known: Go naras
    /// are reached by the mesh alone, and only where they signed their address.
    pub fn is_reached(&self, who: &Identity) -> bool {
        let reached = |peer: &Peer| match peer.light {
            Some(false) => self.on_the_mesh && !peer.proof.is_empty(),
            _ => true,
        };
        self.peers.get(who).is_some_and(reached)
    }

    /// Everybody who is online and can be asked something.
    pub fn reached(&self) -> impl Iterator<Item = (&Identity, &Peer)> {
        self.online().filter(|(who, _)| self.is_reached(who))
    }

    /// The identities that claim one id; more than one is a conflict.
    pub fn claimants(&self, id: &NaraId) -> impl Iterator<Item = &Identity> {
        let id = *id;
        let behind = self.peers.behind(|who| who.id < id).iter();
        let claimants = behind.take_while(move |(who, _)| who.id == id);
        claimants.map(|(who, _)| who)
    }

    /// Who has this name, those first that were heard of first: names cost
    /// nothing, and whoever takes one later does not push out its owner.
    pub fn namesakes(&self, name: &str) -> Vec<Identity> {
        let namesakes = self.iter().filter(|(_, peer)| peer.name == name);
        let mut namesakes: Vec<(&Identity, &Peer)> = namesakes.gather();
        sort_by_key(&mut namesakes, |(_, peer)| peer.first_seen.mono);
        namesakes.into_iter().map(|(who, _)| *who).gather()
    }

    /// Marks those who have been silent for [`MISSING_AFTER`], and names them.
    pub fn mark_missing(&mut self, now: Now) -> Vec<Identity> {
        let patience = |peer: &Peer| match peer.light {
            Some(false) => MISSING_AFTER + QUIET_GRACE,
            _ => MISSING_AFTER,
        };
        let silent = |peer: &Peer| {
            peer.presence == Presence::Online && now.mono - peer.last_seen.mono >= patience(peer)
        };
        let mut missing = Vec::new();
        for (who, peer) in self.peers.iter_mut().filter(|(_, peer)| silent(peer)) {
            peer.presence = Presence::Missing;
            missing.push(*who);
        }
        missing
    }

    /// Who seemed to be restarted within a minute of the last time, which is
    /// over.
    pub fn restarted_again(&mut self, now: Now) -> Vec<Identity> {
        let is_due =
            |peer: &mut Peer| matches!(peer.restarted, Some((_, true))) && peer.note_restart(now);
        let again = self.peers.iter_mut();
        let again = again.filter_map(|(who, peer)| is_due(peer).then_some(*who));
        again.gather()
    }

    /// Whether there are few enough online to follow one more.
    pub fn has_room(&self) -> bool {
        self.peers.len() < FOLLOWED_MAX || self.online().count() < FOLLOWED_MAX
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    fn make_room(&mut self) {
        if self.peers.len() < PEERS_MAX {
            return;
        }
        // Those who left go first, the longest silent before others; then
        // whoever was met last, so that a flood of newcomers pushes out its own.
        let usefulness = |peer: &Peer| match peer.presence {
            Presence::Online => (true, Reverse(peer.first_seen.mono), peer.last_seen.mono),
            _ => (false, Reverse(Instant::default()), peer.last_seen.mono),
        };
        let least = self.peers.iter().min_by_key(|(_, peer)| usefulness(peer));
        if let Some(who) = least.map(|(who, _)| *who) {
            self.peers.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PublicKey;

    fn identity(id: &str, key: u8) -> Identity {
        Identity {
            id: NaraId::parse(id).unwrap(),
            key: PublicKey([key; 32]),
        }
    }

    fn at(seconds: u64) -> Now {
        Now {
            mono: Instant::from_micros(seconds * 1_000_000),
            wall: WallTime::default(),
        }
    }

    #[test]
    fn a_second_key_for_an_id_is_another_identity() {
        let mut peers = Neighbourhood::default();
        peers.heard(at(0), &identity("x", 1), "one");
        peers.heard(at(1), &identity("x", 2), "two");
        assert_eq!(peers.peer(&identity("x", 1)).unwrap().name, "one");
        assert_eq!(peers.claimants(&NaraId::parse("x").unwrap()).count(), 2);
    }

    #[test]
    fn a_go_nara_can_be_asked_once_both_are_on_the_mesh() {
        let mut peers = Neighbourhood::default();
        let who = identity("x", 1);
        peers.heard(at(0), &who, "gopher");
        assert_eq!(peers.reached().count(), 1, "it may be a light one");
        peers.peer_mut(&who).unwrap().light = Some(false);
        assert_eq!(peers.reached().count(), 0);
        peers.set_on_the_mesh(true);
        assert_eq!(peers.reached().count(), 0, "its address is not proven");
        peers.peer_mut(&who).unwrap().proof = "{}".into();
        assert_eq!(peers.reached().count(), 1);
    }

    #[test]
    fn five_minutes_of_silence_make_a_peer_missing_and_a_word_brings_it_back() {
        let mut peers = Neighbourhood::default();
        let who = identity("x", 1);
        assert!(peers.heard(at(0), &who, "one"));
        assert!(peers.mark_missing(at(299)).is_empty());
        assert_eq!(peers.mark_missing(at(300)), core::slice::from_ref(&who));
        assert!(!peers.is_online(&who));
        assert!(peers.heard(at(301), &who, "one"));
        assert!(peers.is_online(&who));
    }

    #[test]
    fn a_go_nara_that_publishes_every_five_minutes_is_not_missing_in_between() {
        let mut peers = Neighbourhood::default();
        let who = identity("x", 1);
        peers.heard(at(0), &who, "gopher");
        peers.peer_mut(&who).unwrap().light = Some(false);
        for n in 1..=10 {
            assert!(peers.mark_missing(at(n * 301)).is_empty());
            assert!(!peers.heard(at(n * 301), &who, "gopher"));
        }
        assert_eq!(peers.mark_missing(at(3_010 + 330)), [who]);
    }

    #[test]
    fn the_limit_holds_and_those_who_left_are_forgotten_first() {
        let mut peers = Neighbourhood::default();
        for n in 0..PEERS_MAX as u64 {
            peers.heard(at(n), &identity(&format!("p{n}"), 1), "");
        }
        let gone = identity("p1999", 1);
        peers.peer_mut(&gone).unwrap().presence = Presence::Offline;
        peers.heard(at(3_000), &identity("new", 1), "");
        assert_eq!(peers.len(), PEERS_MAX);
        assert!(peers.peer(&gone).is_none());
        assert!(peers.peer(&identity("p0", 1)).is_some());
    }

    #[test]
    fn a_flood_of_newcomers_pushes_out_its_own() {
        let mut peers = Neighbourhood::default();
        for n in 0..2 * PEERS_MAX as u64 {
            peers.heard(at(n), &identity(&format!("p{n}"), 1), "");
        }
        let is_known = |n: usize| peers.peer(&identity(&format!("p{n}"), 1)).is_some();
        assert_eq!(peers.len(), PEERS_MAX);
        assert!((0..PEERS_MAX - 1).all(is_known) && is_known(2 * PEERS_MAX - 1));
    }
}
