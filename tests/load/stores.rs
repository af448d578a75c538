//! Stores from strangers, forgers and honest owners, to one confidant on a real
//! broker: `stores PLAZA ID`. Two lines: who the owners are, once the confidant
//! holds a stash of each; how their updates fared.
#![allow(
    clippy::disallowed_methods,
    reason = "what is measured here takes real time"
)]

use super::wire::{Wire, now};
use super::world::{Sender, packet, percentile, publish, stranger_or_forger};
use core::time::Duration;
use light_nara::base::{Now, WallTime};
use light_nara::message::Message;
use mqttbytes::v4::{self, Packet};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender as Told, channel};
use std::thread;
use std::time::Instant;

/// Stores offered each second.
const RATE: u64 = 500;
const SECONDS: u64 = 30;

/// Of so many stores, one is an honest owner's: each has one a second.
const HONEST: u64 = 10;
const OWNERS: u64 = 50;

/// Strangers who each have one store ready, and play it again and again.
const STRANGERS: u64 = 3_000;

/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Both ends of the wire, and what came back: whom an ack answers, and when.
struct Sending {
    wire: Wire,
    acks: Receiver<(String, bool, Instant)>,
    topic: String,
}

pub(crate) fn run(words: &[String]) {
    let [plaza, me] = words else {
        panic!("stores PLAZA ID");
    };
    let owners: Vec<Sender> = (0..OWNERS).map(|n| Sender::new(1_000_000 + n)).collect();
    let mut sending = Sending::open(plaza, me, &owners);

    // The confidant is full before it begins.
    let mut held = BTreeMap::new();
    for owner in &owners {
        sending.say(&owner.store(me, now()), &mut held);
        thread::sleep(Duration::from_millis(20));
    }
    let waits = sending.collect(&held);
    assert_eq!(waits.len(), owners.len(), "the confidant took too few");
    let ids: Vec<String> = owners
        .iter()
        .map(|owner| format!("\"{}\"", owner.keys.id().as_str()))
        .collect();
    println!("{{\"owners\":[{}]}}", ids.join(","));
    std::io::stdin().read_line(&mut String::new()).unwrap();

    // Ready-made: within 30 s of any moment of the run.
    let halfway = later(now(), Duration::from_secs(SECONDS / 2));
    let packets: Vec<Vec<u8>> = (0..STRANGERS)
        .map(|n| {
            let store = stranger_or_forger(n, &owners, me, halfway);
            publish(&sending.topic, store.to_json().as_bytes())
        })
        .collect();
    let mut asked = BTreeMap::new();
    let (began, first) = (Instant::now(), now());
    let mut late = Duration::ZERO;
    for n in 0..RATE * SECONDS {
        let comes = Duration::from_micros(n * 1_000_000 / RATE);
        thread::sleep(comes.saturating_sub(began.elapsed()));
        late = late.max(began.elapsed().saturating_sub(comes));
        if n.is_multiple_of(HONEST) {
            let owner = &owners[(n / HONEST % OWNERS) as usize];
            // A second later than what it stored first.
            let at = later(first, comes + Duration::from_secs(1));
            sending.say(&owner.store(me, at), &mut asked);
        } else {
            let packet = &packets[(n % STRANGERS) as usize];
            sending.wire.send(packet).unwrap();
        }
    }
    let took = began.elapsed();
    let mut waits = sending.collect(&asked);
    waits.sort_by(f64::total_cmp);
    println!(
        "{{\"offered\":{},\"rate\":{:.1},\"late\":{:.1},\"honest\":{},\"answered\":{},\"median\":{:.3},\"p99\":{:.3}}}",
        RATE * SECONDS,
        (RATE * SECONDS) as f64 / took.as_secs_f64(),
        late.as_secs_f64() * 1e3,
        asked.len(),
        waits.len(),
        percentile(&waits, 50.0),
        percentile(&waits, 99.0),
    );
}

fn later(now: Now, by: Duration) -> Now {
    let nanos = now.wall.unix_nanos() + by.as_nanos() as i64;
    Now {
        wall: WallTime::from_unix_nanos(nanos),
        ..now
    }
}

impl Sending {
    /// Connects, and listens to all that is said to the owners.
    fn open(plaza: &str, me: &str, owners: &[Sender]) -> Self {
        let mut wire = Wire::open(plaza).unwrap();
        wire.send(&packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x06stores"))
            .unwrap();
        let mut filters = vec![0, 1];
        for owner in owners {
            let topic = format!("nara/mesh/{}", owner.keys.id().as_str());
            filters.extend((topic.len() as u16).to_be_bytes());
            filters.extend(topic.as_bytes());
            filters.push(0);
        }
        wire.send(&packet(0x82, &filters)).unwrap();
        let (tell, acks) = channel();
        let reader = wire.reader().unwrap();
        thread::spawn(move || listen(reader, &tell));
        Self {
            wire,
            acks,
            topic: format!("nara/mesh/{me}"),
        }
    }

    fn say(&mut self, store: &Message, asked: &mut BTreeMap<String, Instant>) {
        let packet = publish(&self.topic, store.to_json().as_bytes());
        asked.insert(store.id.clone(), Instant::now());
        self.wire.send(&packet).unwrap();
    }

    /// How many milliseconds each answer took, of those that say yes.
    fn collect(&self, asked: &BTreeMap<String, Instant>) -> Vec<f64> {
        let mut open = asked.clone();
        let mut waits = Vec::new();
        while !open.is_empty() {
            let Ok((id, is_taken, at)) = self.acks.recv_timeout(PATIENCE) else {
                break;
            };
            if let Some(said) = open.remove(&id).filter(|_| is_taken) {
                waits.push((at - said).as_secs_f64() * 1e3);
            }
        }
        waits
    }
}

/// Until the broker ends the connection.
fn listen(mut wire: Wire, tell: &Told<(String, bool, Instant)>) {
    let mut stream = bytes::BytesMut::new();
    while let Ok(bytes) = wire.read(Duration::from_secs(1)) {
        let at = Instant::now();
        stream.extend_from_slice(&bytes);
        while let Ok(packet) = v4::read(&mut stream, 1 << 16) {
            let Packet::Publish(publish) = packet else {
                continue;
            };
            let message = Message::parse(&publish.payload).unwrap();
            if message.kind == "stash:ack" {
                let is_taken = message.payload.contains("\"success\":true");
                // The channel's end goes with the process.
                let _ = tell.send((message.in_reply_to, is_taken, at));
            }
        }
    }
}
