//! Whole naras on one plaza, some with a clock that is minutes off: they find
//! out, and are understood all the same.
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test may say what must hold by unwrapping it"
)]

use core::time::Duration;
use light_nara::base::{Instant, Now, WallTime};
use light_nara::nara::{Config, Effect, Nara, Newborn, Status};
use light_nara::plaza::Credentials;
use std::collections::VecDeque;

const MINUTE: i64 = 60;
const SECOND: Duration = Duration::from_secs(1);

/// One nara, and how far its wall clock is off.
struct One {
    nara: Nara,
    skew_seconds: i64,
    topics: Vec<String>,
}

/// A broker of a few lines, and the true time.
struct Plaza {
    micros: u64,
    naras: Vec<One>,
}

impl Plaza {
    fn new() -> Self {
        Self {
            micros: 1_000_000,
            naras: Vec::new(),
        }
    }

    fn now(&self, place: usize) -> Now {
        let skew = self.naras.get(place).map_or(0, |one| one.skew_seconds);
        let truth = 1_768_756_453_000_000_000 + self.micros as i64 * 1_000;
        Now {
            mono: Instant::from_micros(self.micros),
            wall: WallTime::from_unix_nanos(truth + skew * 1_000_000_000),
        }
    }

    fn wake(&mut self, config: Config, skew_seconds: i64) -> usize {
        let place = self.naras.len();
        let now = self.now(place);
        let nara = Nara::new(config, [place as u8 + 1; 32], now);
        self.naras.push(One {
            nara,
            skew_seconds,
            topics: Vec::new(),
        });
        let now = self.now(place);
        self.naras[place].nara.wake(now);
        self.deliver();
        place
    }

    fn newborn(&mut self, skew_seconds: i64) -> usize {
        let seed = [self.naras.len() as u8 + 50; 32];
        self.wake(Config::born(Newborn(seed), None).unwrap(), skew_seconds)
    }

    /// Carries what was said to whoever subscribed, until nobody says more.
    fn deliver(&mut self) {
        let mut packets: VecDeque<(usize, Vec<u8>)> = VecDeque::new();
        loop {
            for place in 0..self.naras.len() {
                let now = self.now(place);
                while let Some(effect) = self.naras[place].nara.poll_effect() {
                    match effect {
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
                1 => self.hand(from, &[0x20, 2, 0, 0]),
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

    fn run(&mut self, time: Duration) {
        let end = Instant::from_micros(self.micros) + time;
        loop {
            let due = self.naras.iter().filter_map(|one| one.nara.poll_timeout());
            let next = due.map(|(at, _)| at).min().filter(|at| *at <= end);
            self.micros = next.unwrap_or(end).as_micros().max(self.micros);
            for place in 0..self.naras.len() {
                let now = self.now(place);
                self.naras[place].nara.handle_timeout(now);
            }
            self.deliver();
            if next.is_none() {
                return;
            }
        }
    }

    fn status(&self, place: usize) -> Status {
        self.naras[place].nara.status(self.now(place))
    }

    fn sees(&self, place: usize, other: usize) -> bool {
        let other = self.naras[other].nara.me().identity.id.to_string();
        let mut peers = self.status(place).peers.into_iter();
        peers.any(|peer| peer.id == other && peer.presence == "online")
    }

    fn set(&mut self, place: usize, memory: &str) {
        let now = self.now(place);
        let nara = &mut self.naras[place].nara;
        nara.set(now, memory.to_owned(), 10 * SECOND).unwrap();
        self.deliver();
    }

    fn sleep(&mut self, place: usize) {
        let now = self.now(place);
        self.naras[place].nara.sleep(now);
        self.deliver();
        self.naras[place].topics.clear();
    }
}

#[test]
fn a_nara_whose_clock_is_minutes_off_goes_by_its_peers_time_and_keeps_its_memory() {
    for skew in [5 * MINUTE, -5 * MINUTE, 26 * 60 * MINUTE] {
        let mut plaza = Plaza::new();
        for _ in 0..4 {
            plaza.newborn(0);
            plaza.run(SECOND);
        }
        let off = plaza.newborn(skew);
        plaza.run(10 * SECOND);
        let clock = plaza.status(off).clock;
        assert!(clock.off, "{skew}");
        let measured = clock.offset_ms.unwrap();
        assert!(measured.abs_diff(-skew * 1_000) < 50, "{measured}");
        for place in 0..4 {
            assert!(plaza.sees(place, off), "{place} does not see it: {skew}");
            assert!(!plaza.status(place).clock.off);
        }
        plaza.run(100 * SECOND);
        plaza.set(off, "{\"tea\":\"oolong\"}");
        plaza.run(20 * SECOND);
        assert!(plaza.status(off).stash.holders.len() >= 3, "{skew}");
    }
}

#[test]
fn two_naras_with_the_same_wrong_clock_do_not_outvote_many() {
    let mut plaza = Plaza::new();
    for _ in 0..6 {
        plaza.newborn(0);
        plaza.run(SECOND);
    }
    let off = [plaza.newborn(5 * MINUTE), plaza.newborn(5 * MINUTE)];
    plaza.run(30 * SECOND);
    for place in 0..8 {
        assert_eq!(
            plaza.status(place).clock.off,
            off.contains(&place),
            "{place}"
        );
    }
}

#[test]
fn a_memory_is_recovered_on_a_device_whose_clock_is_off() {
    let mut plaza = Plaza::new();
    for _ in 0..4 {
        plaza.newborn(0);
        plaza.run(SECOND);
    }
    let first = plaza.newborn(0);
    plaza.run(10 * SECOND);
    plaza.set(first, "{\"tea\":\"oolong\"}");
    plaza.run(10 * SECOND);
    let soul = plaza.naras[first].nara.soul().to_text();
    plaza.sleep(first);
    plaza.run(10 * SECOND);
    let again = plaza.wake(Config::reborn(&soul, None).unwrap(), -7 * MINUTE);
    plaza.run(20 * SECOND);
    let memory = plaza.naras[again].nara.memory();
    let memory = memory.map(|memory| memory.data.clone());
    assert_eq!(memory.as_deref(), Some("{\"tea\":\"oolong\"}"));
}

#[test]
fn two_naras_with_clocks_minutes_apart_understand_each_other() {
    let mut plaza = Plaza::new();
    let first = plaza.newborn(0);
    plaza.run(SECOND);
    let second = plaza.newborn(4 * MINUTE);
    plaza.run(10 * SECOND);
    assert!(plaza.sees(first, second) && plaza.sees(second, first));
    let (one, other) = (plaza.status(first).clock, plaza.status(second).clock);
    assert!(one.offset_ms > Some(200_000) && other.offset_ms < Some(-200_000));
    assert!(!one.off && !other.off, "nobody can say which of two is off");
    plaza.run(100 * SECOND);
    plaza.set(second, "1");
    plaza.run(20 * SECOND);
    assert_eq!(plaza.status(second).stash.holders.len(), 1);
}
