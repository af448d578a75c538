//! What must hold after every step, and once all is healed.

use super::broker::{self, Packet};
use super::gateway::port_of;
use super::host::{Host, Place};
use super::vice::Vice;
use super::world::{SECOND, World};
use light_nara::base::WallTime;
use light_nara::mesh::Frame;
use light_nara::message::Message;
use light_nara::nara::DIRECT_TOPIC;
use light_nara::stash::{Gate, Held, PROVISIONAL_FOR, PRUNE_EVERY, Receipt};
use std::collections::BTreeMap;

/// Who has proved nothing is sent so many bytes for each of its own.
const AMPLIFICATION_MAX: usize = 3;

/// What is longer goes only to an address that answered under its key within
/// this time, and what the answer took.
const UNPROVEN_SIZE_MAX: usize = 4_096;
const PROVEN_FOR: u64 = 660 * SECOND;

/// Who seems to be restarted is asked for its copy, and has 5 s to answer.
const ASKED_IN: u64 = 6 * SECOND;

/// The kind of a message is among its first bytes.
const HEAD: usize = 256;

impl World {
    /// What leaves a nara: no secrets, nothing stored before the gate is open,
    /// and little to whoever has proved nothing.
    pub(super) fn check_sent(&mut self, place: usize, packet: &[u8]) -> Result<(), String> {
        let host = &mut self.hosts[place];
        if host.secrets.are_in(packet) {
            return Err("a secret is in a frame".to_owned());
        }
        let Packet::Publish(topic, payload) = broker::read(packet) else {
            return Ok(());
        };
        let Some(to) = topic.strip_prefix(DIRECT_TOPIC) else {
            return Ok(());
        };
        if let Some(stranger) = host.unproven.get_mut(to) {
            // Whoever spoke under its key may be chosen as a confidant; what it
            // is answered is counted, and what it is entrusted with is not.
            let is_copy = says(&payload, b"\"kind\":\"stash:store\"")
                || says(&payload, b"\"kind\":\"stash:handoff\"");
            if !(stranger.has_key && is_copy) {
                stranger.sent += payload.len();
            }
            let (from, sent) = (stranger.from, stranger.sent);
            if sent > AMPLIFICATION_MAX * from {
                return Err(format!("{sent} bytes for {from} of an unproven peer"));
            }
        }
        self.check_said(place, &payload)
    }

    /// The same for a frame to the gateway. Nothing long goes to an address
    /// that has not answered, and nothing by the older interface, whose acks
    /// name no store: all here are light naras.
    pub(super) fn check_sent_to_gateway(
        &mut self,
        place: usize,
        bytes: &[u8],
    ) -> Result<(), String> {
        let host = &self.hosts[place];
        if host.secrets.are_in(bytes) {
            return Err("a secret is in a frame".to_owned());
        }
        let frame = Frame::parse(bytes).ok_or("what it sends is no frame")?;
        if frame.t != "request" {
            return Ok(());
        }
        if frame.path.starts_with("/stash/") {
            return Err("it takes a light nara for an older one".to_owned());
        }
        let is_late = |at: &u64| at + PROVEN_FOR < self.micros;
        let of = self.whose(&frame.proof).zip(port_of(&frame.proof));
        let at = of.and_then(|of| host.proven.get(&of));
        if frame.body.len() > UNPROVEN_SIZE_MAX && at.is_none_or(is_late) {
            let size = frame.body.len();
            return Err(format!("{size} bytes to an address that is not proven"));
        }
        self.check_said(place, &frame.body)
    }

    /// Whom a hey_there or a newspaper is of.
    pub(super) fn whose(&self, proof: &str) -> Option<usize> {
        let names = |host: &Host| proof.contains(&host.who().key.to_text());
        self.hosts.iter().position(names)
    }

    /// What is said to one peer, on whatever way.
    fn check_said(&mut self, place: usize, payload: &[u8]) -> Result<(), String> {
        let host = &self.hosts[place];
        if says(payload, b"\"kind\":\"stash:store\"") {
            let stash = host.nara.as_ref().and_then(|nara| nara.stash());
            if stash.is_some_and(|stash| stash.gate() != Gate::Open) {
                return Err("it stores before its gate is open".to_owned());
            }
        } else if says(payload, b"\"kind\":\"stash:delete\"") {
            let to = Message::parse(payload).map(|message| message.to_id);
            let is_told = |one: &Host| to.as_ref().is_ok_and(|to| one.who().id.as_str() == to);
            if let Some(told) = self.hosts.iter().position(is_told) {
                self.hosts[place].deleted_at.insert(told);
            }
        }
        Ok(())
    }

    /// Who is named as a holder did hold it, and is not known to be gone.
    pub(super) fn saved(&mut self, place: usize, receipt: &Receipt) -> Result<(), String> {
        self.outcome.saved += 1;
        if self.hosts[place].vice == Vice::Floods {
            return Ok(());
        }
        for holder in &receipt.holders {
            let Some(other) = self.hosts.iter().find(|host| host.who() == holder) else {
                return Err("it counts a holder that nobody is".to_owned());
            };
            if other.vice != Vice::Lies {
                self.check_counted(place, other, receipt.revision)?;
            }
            let nara = self.hosts[place].nara.as_ref();
            if nara.is_some_and(|nara| !nara.runtime().peers().is_online(holder)) {
                return Err("it counts a holder that it knows to be gone".to_owned());
            }
        }
        let is_honest = |holder: &_| {
            let mut hosts = self.hosts.iter();
            hosts.any(|host| host.who() == holder && host.vice.is_honest())
        };
        if receipt.holders.iter().any(is_honest) {
            self.hosts[place].saved = Some(receipt.revision);
        }
        Ok(())
    }

    /// That this holder has the copy, or had it and its owner cannot know that
    /// it ended since.
    fn check_counted(&self, place: usize, other: &Host, revision: u64) -> Result<(), String> {
        let is_enough = |held: &u64| *held >= revision;
        if other.held_ever.get(&place).is_some_and(is_enough) {
            return Ok(());
        }
        // Whoever crashed with it may have crashed again since, with less.
        let mut lives = other.held_before.get(&place).into_iter().flatten().rev();
        let Some((_, ended_at)) = lives.find(|(held, _)| is_enough(held)) else {
            return Err(format!("it counts a copy of {revision} that nobody held"));
        };
        let host = &self.hosts[place];
        let mut heard = host.restarts.iter();
        let heard = heard.find(|(of, _)| self.hosts[**of].who() == other.who());
        // Old newspapers look like a restart, so it may ask first, and again
        // where its connection was lost.
        let can_ask = |at: u64| at.max(host.dozes_until).max(host.connected_at);
        let is_known = |at: u64| at > *ended_at && can_ask(at) + ASKED_IN < self.micros;
        match heard {
            Some((_, at)) if is_known(*at) => Err(format!(
                "it counts a copy of {revision} whose holder it heard to be restarted"
            )),
            _ => Ok(()),
        }
    }

    /// What must hold after every step.
    pub(super) fn look(&mut self, place: usize) -> Result<(), String> {
        self.hosts[place].check(self.micros)?;
        self.check_recovered(place)?;
        let Some(nara) = &self.hosts[place].nara else {
            return Ok(());
        };
        let stashes = nara.stash().unwrap().confidant().held();
        let seen = |one: &Held| (one.sealed.nonce, one.ts);
        let before = &self.hosts[place].looked_at;
        if stashes.len() == before.len() && stashes.values().map(seen).eq(before.iter().copied()) {
            return Ok(());
        }
        let looked_at = stashes.values().map(seen).collect();
        let mut held = BTreeMap::new();
        for (owner, one) in stashes.iter() {
            let Some(of) = self.hosts.iter().position(|host| host.who() == owner) else {
                if self.invented.contains(owner) {
                    continue;
                }
                return Err("a stash of nobody is held".to_owned());
            };
            if self.hosts[of].vice == Vice::Floods {
                continue;
            }
            let sealed = &one.sealed;
            let revision = match self.revisions.get(&sealed.nonce) {
                Some(revision) => *revision,
                None => {
                    let opened = self.hosts[of].revision_of(&sealed.nonce, &sealed.ciphertext);
                    let revision = opened.ok_or("what is held is not the owner's")?;
                    self.revisions.insert(sealed.nonce, revision);
                    revision
                }
            };
            held.insert(of, (revision, one.ts));
        }
        for of in self.hosts[place].held.keys() {
            let is_told = self.hosts[*of].deleted_at.contains(&place);
            if !held.contains_key(of) && !is_told && !self.may_take_back(place, *of) {
                return Err(format!("it let go of what it held for nara {of}"));
            }
        }
        let host = &mut self.hosts[place];
        for (of, (revision, ts)) in &held {
            // What is dated in the future gives way to what is stored now.
            let clock = host.nara.as_ref().map(|nara| nara.runtime().clock());
            let is_ahead =
                |ts| clock.is_some_and(|one| one.is_ahead(WallTime::from_unix_seconds(ts)));
            let is_later = |(_, before): &(u64, i64)| before > ts && !is_ahead(*before);
            if host.held.get(of).is_some_and(is_later) {
                return Err(format!("the slot of nara {of} went back to {ts}"));
            }
            // Whoever woke while the newest copy was out of reach goes on from
            // an older one; the holder keeps both.
            let is_fork = host
                .held
                .get(of)
                .is_some_and(|(before, _)| before > revision);
            self.outcome.forks += u64::from(is_fork);
            let ever = host.held_ever.entry(*of).or_default();
            *ever = (*ever).max(*revision);
        }
        host.places.retain(|of, _| held.contains_key(of));
        for of in held.keys() {
            host.places.entry(*of).or_insert(Place {
                since: self.micros,
                is_honoured: false,
            });
        }
        host.held = held;
        host.looked_at = looked_at;
        Ok(())
    }

    /// Whether a place may be given to somebody else: its owner was not there
    /// after the hour for which it is provisional.
    fn may_take_back(&self, place: usize, of: usize) -> bool {
        let given = self.hosts[place].places.get(&of);
        given.is_some_and(|given| {
            let age = self.micros - given.since;
            age >= PROVISIONAL_FOR.as_micros() as u64 && !given.is_honoured
        })
    }

    /// Notes whose places are provisional no more: whoever is there after the
    /// hour, and has been looked for since.
    pub(super) fn honour(&mut self) {
        let hour = (PROVISIONAL_FOR + PRUNE_EVERY).as_micros() as u64;
        let who: Vec<_> = self.hosts.iter().map(|host| *host.who()).collect();
        for host in &mut self.hosts {
            let dozes = host.dozes(self.micros);
            let Some(nara) = host.nara.as_ref().filter(|_| !dozes) else {
                continue;
            };
            for (of, given) in &mut host.places {
                let is_late = given.since + hour <= self.micros;
                given.is_honoured |= is_late && nara.runtime().peers().is_online(&who[*of]);
            }
        }
    }

    /// Notes who could give a nara that wakes its memory back.
    pub(super) fn note_givers(&mut self, place: usize) {
        let micros = self.micros;
        let others = self.hosts.iter().enumerate();
        let givers = others.filter_map(|(other, host)| {
            let (revision, _) = host.held.get(&place)?;
            let gives = host.vice.is_honest() && host.is_well(micros);
            gives.then_some((other, *revision))
        });
        let givers: Vec<(usize, u64)> = givers.collect();
        self.hosts[place].woken = Some((micros, givers));
    }

    /// What is recovered is no older than what somebody could have given, who
    /// was well all the time.
    fn check_recovered(&mut self, place: usize) -> Result<(), String> {
        let host = &self.hosts[place];
        let Some(((woken_at, givers), nara)) = host.woken.as_ref().zip(host.nara.as_ref()) else {
            return Ok(());
        };
        if nara.stash().unwrap().gate() == Gate::Searching {
            return Ok(());
        }
        let stays = |at: usize| {
            let giver = &self.hosts[at];
            giver.is_well(self.micros) && giver.connected_at <= *woken_at
        };
        let is_calm = self.weather.has_good_links()
            && self.gateway.was_well_since(*woken_at)
            && self.split_until <= *woken_at
            && self.clocks_were_right
            && host.is_well(self.micros);
        let expected = givers.iter().filter(|(at, _)| is_calm && stays(*at));
        let expected = expected.map(|(_, revision)| *revision).max();
        let found = nara.memory().map(|memory| memory.revision);
        if nara.stash().unwrap().gate() == Gate::Open && found.is_none() {
            return Err("its gate is open, and nothing was found".to_owned());
        }
        self.hosts[place].woken = None;
        self.outcome.recoveries += u64::from(expected.is_some());
        if expected > found {
            return Err(format!(
                "it recovered {found:?} where {expected:?} was to be had"
            ));
        }
        Ok(())
    }

    /// Whether everybody is whole: its memory is no older than any copy, and
    /// as many as it wants hold it, in truth.
    ///
    /// # Errors
    /// What is missing, and whether its owner could know.
    pub(super) fn check_whole(&self) -> Result<(), (String, bool)> {
        let bad = self
            .hosts
            .iter()
            .filter(|one| !one.vice.is_honest())
            .count();
        for (place, host) in self.hosts.iter().enumerate() {
            if host.vice == Vice::Floods {
                continue;
            }
            let Some(nara) = &host.nara else {
                return Err((format!("nara {place} is not there"), true));
            };
            let honest = self.hosts.iter().filter(|one| one.vice.is_honest());
            let copies = honest.clone().filter_map(|one| one.held.get(&place));
            let newest = copies.map(|(revision, _)| *revision).max();
            let mine = nara.memory().map(|memory| memory.revision);
            if newest > mine {
                let why = format!("nara {place} has {mine:?}; {newest:?} is held for it");
                return Err((why, false));
            }
            let Some(memory) = nara.memory() else {
                continue;
            };
            // It may have been sealed anew, under a higher revision.
            let mut written = host.written.range(..=memory.revision);
            if !written.any(|(_, all)| all.contains(&memory.data)) {
                let why = format!("nara {place} remembers what was never written");
                return Err((why, true));
            }
            let owner = nara.stash().unwrap().owner();
            let is_newest = |one: &&Host| {
                one.held
                    .get(&place)
                    .is_some_and(|(revision, _)| *revision == memory.revision)
            };
            let copies = honest.clone().filter(is_newest).count();
            let wanted = owner.target().min(self.hosts.len() - 1);
            // Whoever drops copies counts until that is noticed, so where there
            // are few, as many as are honest must do.
            let others = honest.clone().filter(|one| one.who() != host.who());
            let counts = owner.current_holders().count() >= wanted.min(others.count());
            if !counts || copies + bad < wanted {
                return Err((self.describe(place, copies, wanted), !counts));
            }
        }
        Ok(())
    }

    fn describe(&self, place: usize, copies: usize, wanted: usize) -> String {
        let host = &self.hosts[place];
        let nara = host.nara.as_ref().unwrap();
        let stash = nara.stash().unwrap();
        let counted = stash.owner().current_holders().count();
        let status = nara.status(host.now(self.micros));
        let online = status.peers.iter().filter(|one| one.presence == "online");
        format!(
            "nara {place}: {copies} copies, {counted} counted, {wanted} wanted; gate {:?}, elsewhere {}, {} peers online, {:?}, {:?}",
            stash.gate(),
            stash.is_elsewhere(),
            online.count(),
            status.connection,
            status.confidants
        )
    }
}

/// Whether a message is of this kind.
fn says(payload: &[u8], kind: &[u8]) -> bool {
    let head = &payload[..payload.len().min(HEAD)];
    head.windows(kind.len()).any(|part| part == kind)
}
