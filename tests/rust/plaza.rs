//! A plaza for tests of whole naras: a broker of a few lines in memory, and a
//! clock that moves when it is told to.

#![allow(dead_code, reason = "each test uses what it needs")]

use core::time::Duration;
use light_nara::base::{Instant, Now, WallTime};
use light_nara::nara::{Config, Effect, Nara, Newborn, Status};
use light_nara::plaza::Credentials;
use light_nara::runtime::Context;
use light_nara::stash::Stash;
use std::collections::VecDeque;

/// One second of injected time.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// One nara, and how far its wall clock is off.
struct One {
    nara: Nara,
    skew_seconds: i64,
    topics: Vec<String>,
    /// What the broker publishes if the connection breaks: a PUBLISH.
    will: Option<Vec<u8>>,
    is_dead: bool,
    is_cut: bool,
}

/// A broker of a few lines, and the true time.
pub(crate) struct Plaza {
    micros: u64,
    naras: Vec<One>,
}

impl Plaza {
    pub(crate) fn new() -> Self {
        Self {
            micros: 1_000_000,
            naras: Vec::new(),
        }
    }

    pub(crate) fn now(&self, place: usize) -> Now {
        let skew = self.naras.get(place).map_or(0, |one| one.skew_seconds);
        let truth = 1_768_756_453_000_000_000 + self.micros as i64 * 1_000;
        Now {
            mono: Instant::from_micros(self.micros),
            wall: WallTime::from_unix_nanos(truth + skew * 1_000_000_000),
        }
    }

    pub(crate) fn wake(&mut self, config: Config, skew_seconds: i64) -> usize {
        let place = self.naras.len();
        let now = self.now(place);
        let nara = Nara::new(config, [place as u8 + 1; 32], now);
        self.naras.push(One {
            nara,
            skew_seconds,
            topics: Vec::new(),
            will: None,
            is_dead: false,
            is_cut: false,
        });
        let now = self.now(place);
        self.naras[place].nara.wake(now);
        self.deliver();
        place
    }

    pub(crate) fn newborn(&mut self, skew_seconds: i64) -> usize {
        let seed = [self.naras.len() as u8 + 50; 32];
        self.wake(Config::born(Newborn(seed), None).unwrap(), skew_seconds)
    }

    /// Carries what was said to whoever subscribed, until nobody says more.
    fn deliver(&mut self) {
        let mut packets: VecDeque<(usize, Vec<u8>)> = VecDeque::new();
        loop {
            for place in 0..self.naras.len() {
                let now = self.now(place);
                if self.naras[place].is_dead {
                    continue;
                }
                while let Some(effect) = self.naras[place].nara.poll_effect() {
                    match effect {
                        Effect::Open if self.naras[place].is_cut => {
                            self.naras[place].nara.handle_closed(now, "cut");
                        }
                        Effect::Open => {
                            let (user, password) = ("test".to_owned(), None);
                            let who = Credentials { user, password };
                            self.naras[place].nara.handle_opened(now, who);
                        }
                        Effect::Send(packet) => packets.push_back((place, packet)),
                        _ => {}
                    }
                }
            }
            let Some((from, packet)) = packets.pop_front() else {
                return;
            };
            match packet[0] >> 4 {
                1 => {
                    self.naras[from].will = will_of(&packet);
                    self.hand(from, &[0x20, 2, 0, 0]);
                }
                8 => {
                    let topics = self.naras[from].nara.topics().to_vec();
                    let mut suback = vec![0x90, 2 + topics.len() as u8, 0, 1];
                    suback.resize(4 + topics.len(), 0);
                    self.naras[from].topics = topics;
                    self.hand(from, &suback);
                }
                3 => self.publish(&packet),
                _ => {}
            }
        }
    }

    fn publish(&mut self, packet: &[u8]) {
        let lengths = packet[1..].iter().take_while(|byte| **byte >= 0x80).count();
        let start = 2 + lengths + 2;
        let topic = &packet[start..start + usize::from(packet[start - 1])];
        let topic = String::from_utf8(topic.to_vec()).unwrap();
        let wanted = |filter: &String| match filter.strip_suffix('+') {
            Some(prefix) => topic.starts_with(prefix),
            None => *filter == topic,
        };
        for place in 0..self.naras.len() {
            if self.naras[place].topics.iter().any(wanted) {
                self.hand(place, packet);
            }
        }
    }

    fn hand(&mut self, place: usize, bytes: &[u8]) {
        let now = self.now(place);
        self.naras[place].nara.handle_data(now, bytes);
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = Instant::from_micros(self.micros) + time;
        loop {
            let alive = self.naras.iter().filter(|one| !one.is_dead);
            let due = alive.filter_map(|one| one.nara.poll_timeout());
            let next = due.map(|(at, _)| at).min().filter(|at| *at <= end);
            self.micros = next.unwrap_or(end).as_micros().max(self.micros);
            for place in 0..self.naras.len() {
                let now = self.now(place);
                if !self.naras[place].is_dead {
                    self.naras[place].nara.handle_timeout(now);
                }
            }
            self.deliver();
            if next.is_none() {
                return;
            }
        }
    }

    pub(crate) fn status(&self, place: usize) -> Status {
        self.naras[place].nara.status(self.now(place))
    }

    pub(crate) fn sees(&self, place: usize, other: usize) -> bool {
        let other = self.naras[other].nara.me().identity.id.to_string();
        let mut peers = self.status(place).peers.into_iter();
        peers.any(|peer| peer.id == other && peer.presence == "online")
    }

    pub(crate) fn set(&mut self, place: usize, memory: &str) {
        let now = self.now(place);
        let nara = &mut self.naras[place].nara;
        nara.set(now, memory.to_owned(), 10 * SECOND).unwrap();
        self.deliver();
    }

    pub(crate) fn sleep(&mut self, place: usize) {
        let now = self.now(place);
        self.naras[place].nara.sleep(now);
        self.deliver();
        self.naras[place].topics.clear();
        self.naras[place].is_dead = true;
    }

    /// Ends a nara without a word; the broker notices, and publishes its will.
    pub(crate) fn kill(&mut self, place: usize) {
        self.naras[place].topics.clear();
        self.naras[place].is_dead = true;
        if let Some(will) = self.naras[place].will.take() {
            self.publish(&will);
            self.deliver();
        }
    }

    /// Of several devices with one soul, this one goes on.
    pub(crate) fn go_on(&mut self, place: usize) {
        let now = self.now(place);
        let go_on = |stash: &mut Stash, ctx: &mut Context<'_>| {
            stash.go_on(ctx);
            Ok(())
        };
        self.naras[place].nara.command(now, go_on).unwrap();
        self.deliver();
    }

    /// The user starts empty.
    pub(crate) fn start_empty(&mut self, place: usize) {
        let now = self.now(place);
        let start = |stash: &mut Stash, ctx: &mut Context<'_>| {
            stash.start_empty(ctx).unwrap();
            Ok(())
        };
        self.naras[place].nara.command(now, start).unwrap();
        self.deliver();
    }

    /// Cuts a nara's connection; it tries again, and the plaza is not there.
    pub(crate) fn cut(&mut self, place: usize) {
        let now = self.now(place);
        let one = &mut self.naras[place];
        one.topics.clear();
        one.is_cut = true;
        one.nara.handle_closed(now, "cut");
        self.deliver();
    }

    /// The plaza is there again for this nara.
    pub(crate) fn mend(&mut self, place: usize) {
        let now = self.now(place);
        let one = &mut self.naras[place];
        one.is_cut = false;
        one.nara.handle_closed(now, "cut");
        one.nara.retry_now(now);
        self.deliver();
    }

    /// The soul of a nara, dead or alive.
    pub(crate) fn soul(&self, place: usize) -> String {
        self.naras[place].nara.soul().to_text()
    }

    /// Who holds a nara's memory, as its application keeps it for the next time.
    pub(crate) fn holders_text(&self, place: usize) -> String {
        let stash = self.naras[place].nara.stash().unwrap();
        stash.holders_text()
    }

    /// Whose copies count for a nara, as places.
    pub(crate) fn holders(&self, place: usize) -> Vec<usize> {
        let holders = self.status(place).stash.holders;
        let place_of = |id: &str| {
            let is_this = |one: &One| one.nara.me().identity.id.as_str() == id;
            self.naras.iter().position(is_this)
        };
        holders.iter().filter_map(|one| place_of(&one.id)).collect()
    }

    /// How many others hold what belongs to a nara, whether it knows or not.
    pub(crate) fn copies(&self, place: usize) -> usize {
        let owner = &self.naras[place].nara.me().identity;
        let holds = |one: &&One| {
            !one.is_dead && one.nara.stash().is_some_and(|one| one.has_stash_for(owner))
        };
        self.naras.iter().filter(holds).count()
    }

    /// The memory as a nara knows it.
    pub(crate) fn memory(&self, place: usize) -> Option<&str> {
        self.naras[place]
            .nara
            .memory()
            .map(|memory| memory.data.as_str())
    }
}

/// The will inside a CONNECT (MQTT 3.1.1, section 3.1), as the PUBLISH that it
/// becomes.
fn will_of(packet: &[u8]) -> Option<Vec<u8>> {
    let lengths = packet[1..].iter().take_while(|byte| **byte >= 0x80).count();
    let body = &packet[2 + lengths..];
    // The name MQTT with its length, the level, the flags, the keep-alive.
    if body[7] & 4 == 0 {
        return None;
    }
    let field = |at: usize| 2 + (usize::from(body[at]) << 8) + usize::from(body[at + 1]);
    let topic = 10 + field(10);
    let message = topic + field(topic);
    let end = message + field(message);
    let mut length = (message - topic) + (end - message - 2);
    let mut publish = vec![0x30];
    while length >= 0x80 {
        publish.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    publish.push(length as u8);
    publish.extend(&body[topic..message]);
    publish.extend(&body[message + 2..end]);
    Some(publish)
}
