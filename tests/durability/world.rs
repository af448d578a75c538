//! Peers that come and go, and owners that are away most of the time.

use super::mix::{Mix, Seats, exponential};
use super::peer::{Peer, at};
use core::time::Duration;
use light_nara::base::{Identity, Rng};
use light_nara::neighbourhood::{MemoryMode, Presence};
use light_nara::runtime::Way;
use light_nara::stash::Gate;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

const SECOND: u64 = 1_000_000;
const DAY: u64 = 24 * 3_600 * SECOND;

/// Ten absences a day: a visit and an absence take 8,640 s together.
const VISIT_LEAST: f64 = 30.0;
const VISIT_MORE: f64 = 90.0;
const ABSENCE: f64 = 8_640.0 - VISIT_LEAST - VISIT_MORE;

/// Of 100 that go: so many say chau; so many are cut off, and their wills tell;
/// of the others the broker notices only that they are silent.
const SAY_CHAU: u32 = 75;
const ARE_CUT: u32 = 20;

/// With a keep-alive of 30 s.
const SILENCE_NOTICED: u64 = 45 * SECOND;

/// From a will until somebody believes it: it waits, then asks.
const WILL_BELIEVED: (Duration, Duration) =
    (Duration::from_millis(3_500), Duration::from_millis(4_900));

/// Of those who are there, so many answer a greeting at once, and everybody
/// hears the answers; the others are known when they answer somebody else or
/// greet again, and their modes with their newspapers.
const ANSWERS: usize = 5;
const ANSWERED_WITHIN: Duration = Duration::from_millis(600);
const GREET_AGAIN: Duration = Duration::from_secs(207);
const NEWSPAPER: Duration = Duration::from_secs(200);
const FIRST_NEWSPAPER: Duration = Duration::from_secs(2);

/// A server is back after this.
const RESTART: u64 = 60 * SECOND;

/// An owner looks at its memory so often while it waits for it.
const LOOK_EVERY: u64 = SECOND / 2;

enum Happening {
    Direct(u32, Rc<[u8]>),
    Plaza(u32, Rc<str>, Rc<[u8]>),
    /// One gets to know another, with its mode or without; it may have greeted.
    Meet(u32, u32, bool, bool),
    /// One answers a greeting, and whoever had not met it hears that.
    Answer(u32),
    Miss(u32, Identity, Presence),
    /// This one was silent for too long.
    Noticed(Identity),
    Arrive(Seats),
    Depart(u32, Option<Seats>),
    Visit(usize),
    Look(u32),
}

/// One who is away most of the time.
#[derive(Default)]
struct Owner {
    lives: u32,
    /// The newest revision that somebody acknowledged.
    saved: Option<u64>,
    saved_since: Option<u64>,
    /// Whether this visit's memory is written.
    wrote: bool,
}

/// What became of the owners' memories.
#[derive(Clone, Default, Debug, PartialEq)]
pub(crate) struct Sums {
    pub(crate) owner_days: f64,
    pub(crate) absences: u64,
    /// Nobody had a copy of what was saved when its owner came back.
    pub(crate) lost: u64,
    /// Somebody had, and the owner had not got it by the end of its visit.
    pub(crate) not_given: u64,
    /// Visits at whose end nobody had acknowledged what was written.
    pub(crate) unsaved: u64,
    /// Returns that found one copy, and two.
    pub(crate) found: [u64; 2],
    /// Copies found in all.
    pub(crate) copies: u64,
    /// What was sent from one to another.
    pub(crate) messages: u64,
}

struct World {
    mix: Mix,
    rng: Rng,
    micros: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    peers: BTreeMap<u32, Peer>,
    /// When each of them wants to do something next.
    timers: BTreeSet<(u64, u32)>,
    places: BTreeMap<String, u32>,
    counted: u32,
    owners: Vec<Owner>,
    sums: Sums,
}

/// Runs one seed for so many days.
pub(crate) fn run(mix: Mix, seed: u64, days: u64) -> Sums {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let seats: usize = mix.seats.iter().map(|one| one.count).sum();
    let mut world = World {
        mix,
        rng: Rng::from_seed(bytes),
        micros: 0,
        order: 0,
        queue: BTreeMap::new(),
        peers: BTreeMap::new(),
        timers: BTreeSet::new(),
        places: BTreeMap::new(),
        counted: 0,
        owners: Vec::new(),
        sums: Sums::default(),
    };
    for seats in mix.seats {
        for _ in 0..seats.count {
            let wait = u64::from(world.rng.below(10_000)) * 1_000;
            world.schedule(wait, Happening::Arrive(*seats));
        }
    }
    for owner in 0..seats * mix.owners_per_peer {
        world.owners.push(Owner::default());
        let wait = 60 * SECOND + u64::from(world.rng.below(8_640)) * SECOND;
        world.schedule(wait, Happening::Visit(owner));
    }
    let end = days * DAY;
    world.live(end);
    for owner in &world.owners {
        if let Some(since) = owner.saved_since {
            world.sums.owner_days += (end - since) as f64 / DAY as f64;
        }
    }
    world.sums
}

impl World {
    fn schedule(&mut self, wait: u64, what: Happening) {
        self.order += 1;
        self.queue.insert((self.micros + wait, self.order), what);
    }

    fn live(&mut self, end: u64) {
        loop {
            let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
            let timer = self.timers.first().copied();
            let due = timer.map(|(at, _)| at);
            let Some(next) = queued.into_iter().chain(due).min() else {
                return;
            };
            if next >= end {
                return;
            }
            self.micros = self.micros.max(next);
            if queued == Some(next) {
                if let Some((_, what)) = self.queue.pop_first() {
                    self.happen(what);
                }
            } else if let Some((_, place)) = timer {
                let now = at(self.micros);
                self.act(place, |peer, _| peer.runtime.handle_timeout(now));
            }
        }
    }

    /// Lets somebody who is there do something, then takes what it says.
    fn act(&mut self, place: u32, run: impl FnOnce(&mut Peer, u64)) {
        let Some(peer) = self.peers.get_mut(&place) else {
            return;
        };
        let due = peer.due;
        run(peer, self.micros);
        let (sent, saved) = peer.drain();
        if peer.due != due {
            self.timers.remove(&(due, place));
            self.timers.insert((peer.due, place));
        }
        let (latency, owner) = (peer.latency, peer.owner);
        if let (Some(revision), Some(owner)) = (saved, owner) {
            let owner = &mut self.owners[owner];
            owner.saved = Some(revision);
            owner.saved_since.get_or_insert(self.micros);
        }
        for one in sent {
            self.sums.messages += 1;
            let bytes: Rc<[u8]> = one.bytes.into();
            match one.way {
                Way::Direct { to } => {
                    let is_handoff = || is_of_kind(&bytes, b"\"kind\":\"stash:handoff\"");
                    if !self.mix.policy.hands_off && is_handoff() {
                        continue;
                    }
                    if let Some(to) = self.places.get(to.id.as_str()).copied() {
                        let wait = latency + self.latency_of(to);
                        self.schedule(wait, Happening::Direct(to, bytes));
                    }
                }
                Way::Plaza { topic } => {
                    let topic: Rc<str> = topic.into();
                    for to in self.others(place) {
                        let what = Happening::Plaza(to, Rc::clone(&topic), Rc::clone(&bytes));
                        self.schedule(latency + self.latency_of(to), what);
                    }
                }
            }
        }
    }

    fn latency_of(&self, place: u32) -> u64 {
        self.peers.get(&place).map_or(0, |peer| peer.latency)
    }

    fn others(&self, but: u32) -> Vec<u32> {
        self.peers
            .keys()
            .filter(|one| **one != but)
            .copied()
            .collect()
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Direct(to, bytes) => {
                self.act(to, |peer, micros| {
                    peer.runtime.handle_direct(at(micros), &bytes)
                });
            }
            Happening::Plaza(to, topic, bytes) => {
                self.act(to, |peer, micros| {
                    peer.runtime.handle_plaza(at(micros), &topic, &bytes);
                });
            }
            Happening::Meet(one, other, knows_mode, greets) => {
                let Some(other) = self.peers.get(&other) else {
                    return;
                };
                let (who, mode) = (other.who, knows_mode.then_some(other.mode));
                let is_news = |peer: &Peer| greets || !peer.knows(&who, mode);
                if self.peers.get(&one).is_some_and(is_news) {
                    self.act(one, |peer, micros| peer.meet(micros, &who, mode, greets));
                }
            }
            Happening::Answer(one) => {
                let Some(author) = self.peers.get(&one) else {
                    return;
                };
                let who = author.who;
                let hearers = self.peers.iter();
                let hearers =
                    hearers.filter(|(place, peer)| **place != one && !peer.knows(&who, None));
                for place in hearers.map(|(place, _)| *place).collect::<Vec<_>>() {
                    self.act(place, |peer, micros| peer.meet(micros, &who, None, false));
                }
            }
            Happening::Miss(one, who, how) => {
                // It may be back already.
                if !self.places.contains_key(who.id.as_str()) {
                    self.act(one, |peer, micros| peer.miss(micros, &who, how));
                }
            }
            Happening::Noticed(who) => self.let_know(&who, Presence::Missing),
            Happening::Arrive(seats) => {
                let name = format!("p{}", self.counted);
                let config = Peer::config(seats.mode, true, 3, 2);
                let place = self.arrive(&name, config, None);
                if let Some(stay) = seats.stay.draw(&mut self.rng) {
                    let wait = (stay * SECOND as f64) as u64;
                    self.schedule(wait, Happening::Depart(place, Some(seats)));
                }
            }
            Happening::Depart(place, seats) => self.depart(place, seats),
            Happening::Visit(owner) => self.visit(owner),
            Happening::Look(place) => self.look(place),
        }
    }

    fn arrive(
        &mut self,
        name: &str,
        config: light_nara::stash::Config,
        owner: Option<usize>,
    ) -> u32 {
        let place = self.counted;
        self.counted += 1;
        let mut peer = Peer::new(name, config, self.rng.fork(), self.micros);
        peer.owner = owner;
        let mut others = self.others(place);
        self.timers.insert((peer.due, place));
        self.peers.insert(place, peer);
        self.places.insert(name.to_owned(), place);
        let latency = self.latency_of(place);
        self.rng.shuffle(&mut others);
        for (count, other) in others.into_iter().enumerate() {
            let way = latency + self.latency_of(other);
            self.schedule(way, Happening::Meet(other, place, false, true));
            let first = self.wait(FIRST_NEWSPAPER);
            self.schedule(way + first, Happening::Meet(other, place, true, false));
            let known = if count < ANSWERS {
                let known = way + self.wait(ANSWERED_WITHIN);
                self.schedule(known, Happening::Answer(other));
                known
            } else {
                let known = self.wait(GREET_AGAIN);
                self.schedule(known, Happening::Meet(place, other, false, false));
                known
            };
            let newspaper = self.wait(NEWSPAPER);
            self.schedule(
                known + newspaper,
                Happening::Meet(place, other, true, false),
            );
        }
        self.act(place, |_, _| {});
        place
    }

    fn wait(&mut self, most: Duration) -> u64 {
        self.rng.between(Duration::ZERO, most).as_micros() as u64
    }

    fn depart(&mut self, place: u32, seats: Option<Seats>) {
        let Some(peer) = self.peers.get(&place) else {
            return;
        };
        let (who, owner, latency) = (peer.who, peer.owner, peer.latency);
        if let Some(owner) = owner {
            self.leave(place, owner);
        }
        let is_server = seats.is_some_and(|seats| seats.stay.is_server());
        let lot = self.rng.below(100);
        let says_chau = lot < SAY_CHAU && !is_server;
        if says_chau {
            let now = at(self.micros);
            self.act(place, |peer, _| peer.runtime.stop(now));
        }
        if let Some(gone) = self.peers.remove(&place) {
            self.timers.remove(&(gone.due, place));
        }
        self.places.remove(who.id.as_str());
        if says_chau {
            for other in self.others(place) {
                let wait = latency + self.latency_of(other);
                self.schedule(wait, Happening::Miss(other, who, Presence::Offline));
            }
        } else if lot < SAY_CHAU + ARE_CUT {
            self.let_know(&who, Presence::Missing);
        } else {
            self.schedule(SILENCE_NOTICED, Happening::Noticed(who));
        }
        if let Some(seats) = seats {
            let wait = if is_server { RESTART } else { 0 };
            self.schedule(wait, Happening::Arrive(seats));
        }
    }

    /// A will tells everybody that somebody may be gone.
    fn let_know(&mut self, who: &Identity, how: Presence) {
        for other in self.others(u32::MAX) {
            let wait = self.rng.between(WILL_BELIEVED.0, WILL_BELIEVED.1);
            let what = Happening::Miss(other, *who, how);
            self.schedule(wait.as_micros() as u64, what);
        }
    }

    /// An owner comes back.
    fn visit(&mut self, number: usize) {
        let name = format!("o{number}");
        let owner = &mut self.owners[number];
        let newborn = owner.lives == 0;
        owner.lives += 1;
        owner.wrote = false;
        if let Some(saved) = owner.saved {
            let who = super::peer::identity(&name);
            let held = self
                .peers
                .values()
                .filter_map(|peer| peer.revision_for(&who));
            let copies = held.filter(|revision| *revision >= saved).count();
            self.sums.absences += 1;
            self.sums.copies += copies as u64;
            match copies {
                0 => {
                    self.sums.lost += 1;
                    owner.saved = None;
                }
                1 | 2 => self.sums.found[copies - 1] += 1,
                _ => {}
            }
        }
        let policy = self.mix.policy;
        let config = Peer::config(MemoryMode::Medium, newborn, policy.target, policy.spares);
        let place = self.arrive(&name, config, Some(number));
        self.schedule(2 * SECOND, Happening::Look(place));
        let stay = VISIT_LEAST + exponential(&mut self.rng, VISIT_MORE);
        self.schedule(
            (stay * SECOND as f64) as u64,
            Happening::Depart(place, None),
        );
    }

    /// The owner writes once its memory is there, or is known to be lost.
    fn look(&mut self, place: u32) {
        let Some(peer) = self.peers.get(&place) else {
            return;
        };
        let Some(number) = peer.owner else { return };
        let (gate, is_lost) = (peer.stash().gate(), self.owners[number].saved.is_none());
        match gate {
            Gate::Undecided if is_lost => self.act(place, |peer, micros| {
                peer.stash_do(micros, |stash, ctx| stash.start_empty(ctx).unwrap());
            }),
            Gate::Open => {
                let data = format!("{{\"visit\":{}}}", self.owners[number].lives);
                self.owners[number].wrote = true;
                self.act(place, |peer, micros| {
                    peer.stash_do(micros, |stash, ctx| {
                        stash.set(ctx, data, Duration::from_secs(20)).unwrap();
                    });
                });
                return;
            }
            _ => {}
        }
        self.schedule(LOOK_EVERY, Happening::Look(place));
    }

    /// The end of a visit.
    fn leave(&mut self, place: u32, number: usize) {
        let memory = self.peers[&place].stash().owner().memory();
        let revision = memory.map(|memory| memory.revision);
        let owner = &self.owners[number];
        if owner.saved > revision {
            self.sums.not_given += 1;
        } else if owner.wrote && owner.saved < revision {
            self.sums.unsaved += 1;
        }
        let absence = exponential(&mut self.rng, ABSENCE);
        let wait = (absence * SECOND as f64) as u64;
        // Whoever is back at once is still thought to be here.
        self.schedule(wait.max(60 * SECOND), Happening::Visit(number));
    }
}

fn is_of_kind(bytes: &[u8], kind: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(256)];
    head.windows(kind.len()).any(|part| part == kind)
}
