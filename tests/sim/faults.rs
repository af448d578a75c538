//! What goes wrong, and how often. Each seed draws its own weights, so that
//! some runs have much of one fault and none of another.

use core::time::Duration;
use light_nara::base::Rng;
use std::rc::Rc;

/// A day in nanoseconds.
const DAY: i64 = 86_400_000_000_000;

/// One thing that happens to one host, or to the broker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It ends without a word, and is back after so many seconds.
    Crash(u64),
    /// Nothing goes in or out for so many seconds.
    Cut(u64),
    /// Its timers and sockets rest for so many seconds.
    Doze(u64),
    /// Its wall clock is off by so many nanoseconds.
    Skew(i64),
    /// Its wall clock stands still.
    Freeze,
    /// It reads slowly: so many milliseconds for each message.
    Slow(u64),
    /// The broker ends, and is back after so many seconds.
    Broker(u64),
    /// It says chau, and is back after so many seconds.
    Leave(u64),
    /// Somebody plays old messages again, so many of them.
    Replay(u32),
    /// Somebody floods a host with nonsense, so many messages.
    Flood(u32),
    /// Somebody speaks under an id whose key it does not have, so many times.
    Forge(u32),
    /// So many invented owners store with a host.
    Crowd(u32),
    /// The naras are two groups for so many seconds, each of which goes on and
    /// hears nothing of the other.
    Split(u64),
    /// The gateway ends, and is back after so many seconds.
    Gateway(u64),
    /// The gateway lets go of a link.
    Unhook,
    /// Each frame takes the gateway so many milliseconds.
    Drag(u64),
    /// The gateway says so many things to a host that nobody said.
    Invent(u32),
}

/// Kinds of faults.
const KINDS: usize = 17;

/// The first of those that need a gateway.
const OF_GATEWAY: usize = 13;

/// How likely each fault is in one run.
pub(super) struct Weather {
    /// Of 1,000 messages to one subscriber.
    loss: u32,
    double: u32,
    delay: u32,
    corrupt: u32,
    truncate: u32,
    /// Of all faults of hosts.
    weights: [u32; KINDS],
    /// Mean seconds between two of them.
    every: u64,
}

impl Weather {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        // Where links are good, more can be asked of the naras.
        let links = u32::from(rng.below(4) > 0);
        let mut some = |most: u32| match rng.below(3) {
            0 => 0,
            _ => rng.below(most),
        };
        let (loss, double, delay) = (some(300), some(100), some(100));
        let (corrupt, truncate) = (some(30), some(30));
        let (loss, double, delay) = (loss * links, double * links, delay * links);
        let (corrupt, truncate) = (corrupt * links, truncate * links);
        let mut weights = [0; KINDS];
        for weight in &mut weights {
            *weight = some(10);
        }
        let every = u64::from(rng.below(240)) + 20;
        if rng.below(8) == 0 {
            return Self::calm(rng);
        }
        Self {
            loss,
            double,
            delay,
            corrupt,
            truncate,
            weights,
            every,
        }
    }

    /// Links and clocks are right, and naras end often, while others are cut
    /// off and come back with what is old: where most can be asked of those
    /// that wake.
    fn calm(rng: &mut Rng) -> Self {
        let mut weights = [0; KINDS];
        for (kind, most) in [(0, 10), (1, 10), (7, 4), (12, 2)] {
            weights[kind] = rng.below(most) + 1;
        }
        Self {
            loss: 0,
            double: 0,
            delay: 0,
            corrupt: 0,
            truncate: 0,
            weights,
            every: u64::from(rng.below(60)) + 20,
        }
    }

    /// Whether this is a run with good links and clocks.
    pub(super) fn is_calm(&self) -> bool {
        self.has_good_links() && self.weights[3] + self.weights[4] == 0
    }

    /// Nothing of a gateway goes wrong where there is none.
    pub(super) fn without_gateway(&mut self) {
        self.weights[OF_GATEWAY..].fill(0);
    }

    /// Whether every message arrives, whole and once.
    pub(super) fn has_good_links(&self) -> bool {
        self.loss + self.double + self.delay + self.corrupt + self.truncate == 0
    }

    /// Nothing goes wrong any more.
    pub(super) fn clear(&mut self) {
        (self.loss, self.double, self.delay) = (0, 0, 0);
        (self.corrupt, self.truncate) = (0, 0);
        self.weights = [0; KINDS];
    }

    /// When the next fault comes, in microseconds from now.
    pub(super) fn pause(&self, rng: &mut Rng) -> u64 {
        u64::from(rng.below(2 * self.every as u32 * 1_000) + 1) * 1_000
    }

    pub(super) fn next(&self, rng: &mut Rng) -> Option<Fault> {
        let mut pick = rng.below(self.weights.iter().sum());
        let seconds = |rng: &mut Rng, most: u32| u64::from(rng.below(most)) + 1;
        for (kind, weight) in self.weights.iter().enumerate() {
            if pick >= *weight {
                pick -= weight;
                continue;
            }
            return Some(match kind {
                0 => Fault::Crash(seconds(rng, 600)),
                // Most partitions are short and some last a day.
                1 if rng.below(20) == 0 => Fault::Cut(seconds(rng, 86_400)),
                1 => Fault::Cut(60 + seconds(rng, 600)),
                2 => Fault::Doze(seconds(rng, 3_600)),
                3 => Fault::Skew(match rng.below(4) {
                    0 => 8 * DAY,
                    1 => -8 * DAY,
                    2 => i64::from(rng.below(120)) * 1_000_000_000,
                    _ => -i64::from(rng.below(3_600)) * 1_000_000_000,
                }),
                4 => Fault::Freeze,
                5 => Fault::Slow(seconds(rng, 200)),
                6 => Fault::Broker(seconds(rng, 300)),
                7 => Fault::Leave(seconds(rng, 600)),
                8 => Fault::Replay(rng.below(50) + 1),
                9 => Fault::Flood(rng.below(500) + 1),
                10 => Fault::Forge(rng.below(50) + 1),
                11 => Fault::Crowd(rng.below(10) + 1),
                12 => Fault::Split(60 + seconds(rng, 600)),
                13 => Fault::Gateway(seconds(rng, 300)),
                14 => Fault::Unhook,
                15 if rng.below(2) == 0 => Fault::Drag(0),
                15 => Fault::Drag(u64::from(rng.below(8_000))),
                _ => Fault::Invent(rng.below(100) + 1),
            });
        }
        None
    }

    /// What becomes of one message to one subscriber: the delay beyond the
    /// link's own and the payload of each copy that arrives.
    pub(super) fn carry(&self, rng: &mut Rng, payload: &Rc<[u8]>) -> Vec<(u64, Rc<[u8]>)> {
        let mut hit = |chance: u32| chance > 0 && rng.below(1_000) < chance;
        if hit(self.loss) {
            return Vec::new();
        }
        let copies = if hit(self.double) { 2 } else { 1 };
        let (corrupt, truncate, delay) = (hit(self.corrupt), hit(self.truncate), hit(self.delay));
        let mut payload = Rc::clone(payload);
        let length = payload.len() as u32;
        if corrupt && length > 0 {
            let mut bytes = payload.to_vec();
            bytes[rng.below(length) as usize] ^= 1 << rng.below(8);
            payload = bytes.into();
        }
        if truncate {
            payload = payload[..rng.below(length + 1) as usize].into();
        }
        let mut copy = |_| {
            let most = Duration::from_secs(if delay { 60 } else { 0 });
            let late = rng.between(Duration::ZERO, most).as_micros() as u64;
            (late, Rc::clone(&payload))
        };
        (0..copies).map(&mut copy).collect()
    }
}
