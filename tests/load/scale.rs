//! What one nara sends, hears and works as the network grows. Few of the naras
//! are real; the others say what naras say, with keys of their own, and as
//! often.

use super::net::Net;
use super::report::Report;
use super::world::{Sender, at, nara};
use core::cmp::Reverse;
use core::time::Duration;
use light_nara::base::{Now, Rng};
use light_nara::message::{Howdy, Newspaper, StatusBuilder, SyncEvent};
use std::collections::BinaryHeap;

/// How many are real, and measured, of those that are there.
const REAL: u64 = 10;

/// What is measured comes after what everybody says on waking.
const SETTLED_AFTER: u64 = 420_000_000;
const MEASURED_FOR: u64 = 300_000_000;

/// A greeting again asks for no howdys where more than so many are known, as in
/// src/presence/following.rs.
const FEW: u64 = 64;

/// Sizes, and what of each figure is compared.
const SIZES: [u64; 4] = [10, 100, 1_000, 10_000];

/// The most by which work may grow from the second size to the last.
const GROWTH_MAX: f64 = 1.5;

/// Per nara and minute.
#[derive(Clone, Copy, Default)]
struct Figures {
    sent_messages: f64,
    sent_bytes: f64,
    worked_on: f64,
    worked_ms: f64,
    passed_ms: f64,
    heard_messages: f64,
    heard_bytes: f64,
}

pub(crate) fn run(report: &mut Report) {
    let all: Vec<Figures> = SIZES.iter().map(|size| measure(*size)).collect();
    for (size, figures) in SIZES.iter().zip(&all) {
        let mut note =
            |what: &str, value, unit| report.note(&format!("{size} naras: {what}"), value, unit);
        note("messages sent", figures.sent_messages, "/min");
        note("bytes sent", figures.sent_bytes, "/min");
        note("messages worked on", figures.worked_on, "/min");
        note("processor, worked on", figures.worked_ms, "ms/min");
        note("processor, passed over", figures.passed_ms, "ms/min");
        note(
            "messages the broker delivers",
            figures.heard_messages,
            "/min",
        );
        note("bytes the broker delivers", figures.heard_bytes, "/min");
        let shards = size.div_ceil(128) as f64;
        note(
            "bytes it would deliver with a topic for each 128",
            figures.heard_bytes / shards,
            "/min",
        );
    }
    let (few, many) = (all[1], all[3]);
    let mut grows = |what: &str, few: f64, many: f64| {
        report.at_most(
            &format!("from 100 to 10,000 naras: {what}"),
            many / few,
            GROWTH_MAX,
            "times",
        )
    };
    grows("messages sent", few.sent_messages, many.sent_messages);
    grows("bytes sent", few.sent_bytes, many.sent_bytes);
    grows("messages worked on", few.worked_on, many.worked_on);
    grows("processor, worked on", few.worked_ms, many.worked_ms);
}

/// Somebody who is not simulated, and says only what everybody hears.
struct Extra {
    sender: Sender,
    woken: u64,
}

fn measure(size: u64) -> Figures {
    let mut rng = Rng::from_seed([size as u8; 32]);
    let mut net = Net::new(3, 25_000);
    let real = REAL.min(size);
    for n in 0..real {
        net.wake(nara(n, "medium"));
    }
    let mut until = 1_000_000;
    net.run(until, |_| false);
    for place in 0..real as usize {
        let wait = Duration::from_secs(10);
        net.act(place, |nara, now| {
            nara.set(now, "{\"tea\":\"oolong\"}".to_owned(), wait)
        })
        .unwrap();
    }
    let mut extras: Vec<Extra> = (real..size)
        .map(|n| Extra {
            sender: Sender::new(n),
            woken: until,
        })
        .collect();
    // When each of them says what next: greetings are even, newspapers odd.
    let mut due: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    for (place, extra) in extras.iter_mut().enumerate() {
        let wakes = until
            + rng
                .between(Duration::ZERO, Duration::from_secs(200))
                .as_micros() as u64;
        extra.woken = wakes;
        due.push(Reverse((wakes, 2 * place)));
        due.push(Reverse((wakes + 1_000_000, 2 * place + 1)));
    }
    let end = SETTLED_AFTER + MEASURED_FOR;
    let mut howdys: BinaryHeap<Reverse<(u64, usize, usize)>> = BinaryHeap::new();
    let mut began = None;
    while until < end {
        let next = due.peek().map_or(end, |Reverse((at, _))| *at).min(end);
        if began.is_none() && next >= SETTLED_AFTER {
            net.run(SETTLED_AFTER, |_| false);
            began = Some(totals(&net));
        }
        while let Some(Reverse((at_micros, by, to))) = howdys.pop() {
            if at_micros > next {
                howdys.push(Reverse((at_micros, by, to)));
                break;
            }
            net.run(at_micros, |_| false);
            let howdy = howdy(&extras[by], extras[to].sender.keys.name(), at_micros);
            net.say("nara/plaza/howdy", howdy.as_bytes());
        }
        net.run(next, |_| false);
        until = next;
        let Some(Reverse((at_micros, what))) = due.pop().filter(|Reverse((at, _))| *at < end)
        else {
            break;
        };
        let extra = &extras[what / 2];
        let is_settled = size > FEW && at_micros > extra.woken;
        let (every, bytes, topic) = match what % 2 {
            0 => (
                (150, 180),
                hey_there(extra, at(at_micros), is_settled),
                "nara/plaza/hey_there".to_owned(),
            ),
            _ => (
                (30, 300),
                newspaper(extra, at_micros),
                format!("nara/newspaper/{}", extra.sender.keys.name()),
            ),
        };
        net.say(&topic, bytes.as_bytes());
        if what % 2 == 0 && !is_settled && !extras.is_empty() {
            for after in answers(&mut rng, size) {
                let by = rng.below(extras.len() as u32) as usize;
                howdys.push(Reverse((at_micros + after, by, what / 2)));
            }
        }
        let pause = rng.between(Duration::from_secs(every.0), Duration::from_secs(every.1));
        due.push(Reverse((at_micros + pause.as_micros() as u64, what)));
    }
    net.run(end, |_| false);
    let before = began.unwrap_or_default();
    let after = totals(&net);
    let per =
        |before: f64, after: f64| (after - before) / real as f64 / (MEASURED_FOR as f64 / 6e7);
    Figures {
        sent_messages: per(before.sent_messages, after.sent_messages),
        sent_bytes: per(before.sent_bytes, after.sent_bytes),
        worked_on: per(before.worked_on, after.worked_on),
        worked_ms: per(before.worked_ms, after.worked_ms),
        passed_ms: per(before.passed_ms, after.passed_ms),
        heard_messages: per(before.heard_messages, after.heard_messages),
        heard_bytes: per(before.heard_bytes, after.heard_bytes),
    }
}

/// When those who are not simulated answer a greeting: as the real ones do,
/// everybody or about eight, and no more after five where all know each other.
fn answers(rng: &mut Rng, size: u64) -> Vec<u64> {
    let count = if size <= FEW { size } else { 8 };
    let within = Duration::from_secs(3);
    let mut all: Vec<u64> = (0..count)
        .map(|_| rng.between(Duration::ZERO, within).as_micros() as u64)
        .collect();
    all.sort_unstable();
    all.truncate(if size <= 128 { 5 } else { usize::MAX });
    all
}

fn howdy(extra: &Extra, to: &str, micros: u64) -> String {
    let keys = &extra.sender.keys;
    let seq = micros as i64;
    let signature = keys.sign(Howdy::signed_text(keys.name(), to, seq).as_bytes());
    let seen = at(micros).wall.unix_seconds();
    Howdy::to_json(
        keys.name(),
        to,
        seq,
        seen,
        &status(extra, micros),
        &signature,
    )
}

fn totals(net: &Net) -> Figures {
    let mut all = Figures::default();
    for host in &net.hosts {
        all.sent_messages += host.sent_messages as f64;
        all.sent_bytes += host.sent_bytes as f64;
        all.heard_messages += host.heard_messages as f64;
        all.heard_bytes += host.heard_bytes as f64;
        all.worked_on += (host.heard_messages - host.passed_messages) as f64;
        all.worked_ms += host.busy.as_secs_f64() * 1e3;
        all.passed_ms += host.passing.as_secs_f64() * 1e3;
    }
    all
}

fn hey_there(extra: &Extra, now: Now, is_settled: bool) -> String {
    let keys = &extra.sender.keys;
    let mut event = SyncEvent::hey_there(now.wall, keys.name(), keys.identity(), "");
    event.settled = Some(is_settled);
    event.sig = Some(keys.sign(&event.signing_bytes()));
    event.to_json()
}

fn status(extra: &Extra, micros: u64) -> StatusBuilder {
    StatusBuilder {
        identity: *extra.sender.keys.identity(),
        mesh_ip: String::new(),
        memory_mode: "medium",
        uptime_seconds: micros.saturating_sub(extra.woken) / 1_000_000,
        version: "light-load",
    }
}

fn newspaper(extra: &Extra, micros: u64) -> String {
    let keys = &extra.sender.keys;
    let newspaper = Newspaper::unsigned(keys.name(), status(extra, micros).newspaper());
    let signature = keys.sign(newspaper.signed_text().as_bytes());
    newspaper.to_json(&signature)
}
