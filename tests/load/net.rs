//! A network in virtual time: naras, a broker between them, links that delay
//! and lose.

use super::world::{at, publish};
use core::cmp::Reverse;
use core::time::Duration;
use cpu_time::ThreadTime;
use light_nara::base::{Now, Rng};
use light_nara::nara::{Effect, Event, Nara};
use light_nara::plaza::Credentials;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

/// One nara, and what it did.
pub(crate) struct Host {
    pub(crate) nara: Nara,
    pub(crate) sent_messages: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) heard_messages: u64,
    pub(crate) heard_bytes: u64,
    pub(crate) busy: Duration,
    /// Of what was heard, what was passed over unverified, and what that took.
    pub(crate) passed_messages: u64,
    pub(crate) passing: Duration,
    pub(crate) is_gone: bool,
    topics: Vec<String>,
}

pub(crate) struct Net {
    pub(crate) micros: u64,
    pub(crate) hosts: Vec<Host>,
    /// One way, between a nara and the broker.
    pub(crate) delay: u64,
    /// Of 100 messages between two naras.
    pub(crate) loss: u32,
    rng: Rng,
    packets: BinaryHeap<Reverse<(u64, u64, usize)>>,
    contents: BTreeMap<u64, Rc<[u8]>>,
    counted: u64,
    pub(crate) events: Vec<(usize, Event)>,
}

impl Net {
    pub(crate) fn new(seed: u8, delay: u64) -> Self {
        Self {
            micros: 0,
            hosts: Vec::new(),
            delay,
            loss: 0,
            rng: Rng::from_seed([seed; 32]),
            packets: BinaryHeap::new(),
            contents: BTreeMap::new(),
            counted: 0,
            events: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        at(self.micros)
    }

    pub(crate) fn wake(&mut self, mut nara: Nara) -> usize {
        nara.wake(self.now());
        let place = self.hosts.len();
        self.hosts.push(Host {
            nara,
            sent_messages: 0,
            sent_bytes: 0,
            heard_messages: 0,
            heard_bytes: 0,
            busy: Duration::ZERO,
            passed_messages: 0,
            passing: Duration::ZERO,
            is_gone: false,
            topics: Vec::new(),
        });
        self.drain(place);
        place
    }

    /// Runs something on a nara, then does what it asks for.
    pub(crate) fn act<T>(&mut self, place: usize, run: impl FnOnce(&mut Nara, Now) -> T) -> T {
        let now = self.now();
        let started = ThreadTime::now();
        let result = run(&mut self.hosts[place].nara, now);
        self.hosts[place].busy += started.elapsed();
        self.drain(place);
        result
    }

    fn hear(&mut self, place: usize, packet: &[u8]) {
        let passed = |nara: &Nara| -> u64 {
            let drops = nara.runtime().drops();
            let passed =
                drops.filter(|(reason, _)| ["not_followed", "nothing_new"].contains(reason));
            passed.map(|(_, count)| count).sum()
        };
        let before = (passed(&self.hosts[place].nara), self.hosts[place].busy);
        self.act(place, |nara, now| nara.handle_data(now, packet));
        let host = &mut self.hosts[place];
        if passed(&host.nara) > before.0 {
            host.passed_messages += 1;
            host.passing += host.busy - before.1;
            host.busy = before.1;
        }
    }

    fn drain(&mut self, place: usize) {
        while let Some(effect) = self.hosts[place].nara.poll_effect() {
            match effect {
                Effect::Open => {
                    let (user, password) = ("load".to_owned(), None);
                    let who = Credentials { user, password };
                    let now = self.now();
                    self.hosts[place].nara.handle_opened(now, who);
                }
                Effect::Send(packet) => self.take(place, &packet),
                Effect::Event(event) => self.events.push((place, event)),
                _ => {}
            }
        }
    }

    fn take(&mut self, place: usize, packet: &[u8]) {
        match packet[0] >> 4 {
            1 => self.post(place, Rc::from([0x20, 2, 0, 0]), 2 * self.delay),
            3 => {
                let host = &mut self.hosts[place];
                host.sent_messages += 1;
                host.sent_bytes += packet.len() as u64;
                self.spread(packet);
            }
            8 => {
                let topics = self.hosts[place].nara.topics().to_vec();
                let mut suback = vec![0x90, 2 + topics.len() as u8, 0, 1];
                suback.resize(4 + topics.len(), 0);
                self.hosts[place].topics = topics;
                self.post(place, suback.into(), 2 * self.delay);
            }
            12 => self.post(place, Rc::from([0xd0, 0]), 2 * self.delay),
            _ => {}
        }
    }

    /// Brings a PUBLISH to whoever subscribed.
    fn spread(&mut self, packet: &[u8]) {
        let lengths = packet[1..].iter().take_while(|byte| **byte >= 0x80).count();
        let start = 2 + lengths + 2;
        let topic = &packet
            [start..start + usize::from(packet[start - 2]) * 256 + usize::from(packet[start - 1])];
        let topic = core::str::from_utf8(topic).unwrap();
        let wants = |filter: &String| match filter.strip_suffix('+') {
            Some(prefix) => topic.starts_with(prefix),
            None => filter == topic,
        };
        let packet: Rc<[u8]> = packet.into();
        for place in 0..self.hosts.len() {
            let host = &self.hosts[place];
            if !host.is_gone && host.topics.iter().any(wants) && self.rng.below(100) >= self.loss {
                self.post(place, Rc::clone(&packet), 2 * self.delay);
            }
        }
    }

    /// Says something to everybody, as somebody who is not simulated would.
    pub(crate) fn say(&mut self, topic: &str, payload: &[u8]) {
        let packet = publish(topic, payload);
        self.spread(&packet);
    }

    fn post(&mut self, place: usize, packet: Rc<[u8]>, delay: u64) {
        self.counted += 1;
        self.contents.insert(self.counted, packet);
        self.packets
            .push(Reverse((self.micros + delay, self.counted, place)));
    }

    /// Lets time pass, up to a moment or until `enough` says so.
    pub(crate) fn run(&mut self, until: u64, mut enough: impl FnMut(&Self) -> bool) {
        while !enough(self) {
            let packet = self.packets.peek().map(|Reverse((at, ..))| *at);
            let due = |host: &Host| {
                host.nara
                    .poll_timeout()
                    .map(|(at, _)| at.as_micros().saturating_sub(1_000_000))
            };
            let alive = self.hosts.iter().filter(|host| !host.is_gone);
            let timeout = alive.filter_map(due).min();
            let Some(next) = packet
                .into_iter()
                .chain(timeout)
                .min()
                .filter(|at| *at <= until)
            else {
                self.micros = until;
                return;
            };
            self.micros = next.max(self.micros);
            while let Some(Reverse((at, number, place))) = self.packets.peek().copied() {
                if at > self.micros {
                    break;
                }
                self.packets.pop();
                let packet = self.contents.remove(&number).unwrap();
                if self.hosts[place].is_gone {
                    continue;
                }
                self.hosts[place].heard_messages += 1;
                self.hosts[place].heard_bytes += packet.len() as u64;
                self.hear(place, &packet);
            }
            for place in 0..self.hosts.len() {
                let host = &self.hosts[place];
                if !host.is_gone && due(host).is_some_and(|at| at <= self.micros) {
                    self.act(place, |nara, now| nara.handle_timeout(now));
                }
            }
        }
    }
}
