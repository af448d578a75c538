//! A full confidant that everybody wants something of.

use super::report::Report;
use super::world::{
    Sender, at, connect, nara, percentile, publish, resident_mib, sent, stranger_or_forger,
};
use core::time::Duration;
use cpu_time::ThreadTime;
use light_nara::nara::Nara;
use light_nara::runtime::SHED;

/// Stores offered each second.
const RATE: u64 = 10_000;
const SECONDS: u64 = 60;

/// Of so many stores, one is an honest owner's.
const HONEST: u64 = 200;

/// Signatures of strangers that are looked at: so many each second, and so many
/// at once at first. What comes under a key of somebody who counts has a budget
/// of its own, which nobody here uses up.
const STRANGERS_EACH_SECOND: u64 = 200;
const STRANGERS_AT_ONCE: u64 = 256;

/// Strangers who each have one store ready, and play it again and again.
const STRANGERS: u64 = 20_000;

/// Offers the stores as they come in virtual time; what a store costs is real.
/// Whoever waits, waits for what came before.
pub(crate) fn run(report: &mut Report) {
    let mut confidant = nara(1, "hog");
    connect(&mut confidant, at(0));
    let me = confidant.me().identity.id.to_string();
    let topic = format!("nara/mesh/{me}");
    let owners: Vec<Sender> = (0..50).map(|n| Sender::new(1_000_000 + n)).collect();
    for owner in &owners {
        let store = owner.store(&me, at(0));
        confidant.handle_data(at(0), &publish(&topic, store.to_json().as_bytes()));
        sent(&mut confidant);
    }
    let is_held = |confidant: &Nara, owner: &Sender| {
        let held = confidant.stash().unwrap().confidant().held();
        held.contains_key(owner.keys.identity())
    };
    report.note(
        "owners held before",
        owners.iter().filter(|one| is_held(&confidant, one)).count() as f64,
        "",
    );

    // Ready-made: within 30 s of any moment of the run.
    let halfway = at(SECONDS * 500_000);
    let packets: Vec<Vec<u8>> = (0..STRANGERS)
        .map(|n| {
            let store = stranger_or_forger(n, &owners, &me, halfway);
            publish(&topic, store.to_json().as_bytes())
        })
        .collect();

    let before = resident_mib();
    let (mut free_at, mut busy, mut worst_wait) = (0.0_f64, Duration::ZERO, 0.0_f64);
    let mut waits = Vec::new();
    let mut under_owners_keys = 0;
    let mut unanswered = 0_u32;
    for n in 0..RATE * SECONDS {
        let comes = n as f64 * 1e6 / RATE as f64;
        let begins = comes.max(free_at);
        let now = at(begins as u64);
        let honest = n
            .is_multiple_of(HONEST)
            .then(|| &owners[(n / HONEST % 50) as usize]);
        // One of 20 is forged under an owner's key.
        under_owners_keys += u64::from(honest.is_some() || n % 20 == 1);
        let own;
        let packet = match honest {
            Some(owner) => {
                own = publish(
                    &topic,
                    owner.store(&me, at(comes as u64)).to_json().as_bytes(),
                );
                &own
            }
            None => &packets[(n % STRANGERS) as usize],
        };
        let started = ThreadTime::now();
        if confidant
            .poll_timeout()
            .is_some_and(|(due, _)| due <= now.mono)
        {
            confidant.handle_timeout(now);
        }
        confidant.handle_data(now, packet);
        let answers = sent(&mut confidant);
        let took = started.elapsed();
        busy += took;
        free_at = begins + took.as_secs_f64() * 1e6;
        worst_wait = worst_wait.max(free_at - comes);
        if let Some(owner) = honest {
            let id = owner.keys.id().as_str().as_bytes();
            let acked = |answer: &Vec<u8>| {
                answer.windows(id.len()).any(|part| part == id)
                    && answer.windows(14).any(|part| part == b"\"success\":true")
            };
            if answers.iter().any(acked) {
                waits.push((free_at - comes) / 1e3);
            } else {
                unanswered += 1;
            }
        }
    }
    waits.sort_by(f64::total_cmp);
    let evicted = owners
        .iter()
        .filter(|one| !is_held(&confidant, one))
        .count();
    report.note("offered", (RATE * SECONDS) as f64, "stores");
    report.note(
        "processor busy",
        busy.as_secs_f64() / SECONDS as f64 * 100.0,
        "% of one core",
    );
    report.note("longest wait of anybody", worst_wait / 1e3, "ms");
    let mut drops = confidant.runtime().drops();
    let shed = drops.find(|(reason, _)| *reason == SHED);
    let offered = RATE * SECONDS;
    let looked_at = offered - shed.map_or(0, |(_, count)| count);
    let budget = STRANGERS_AT_ONCE + STRANGERS_EACH_SECOND * SECONDS + under_owners_keys;
    report.at_most(
        "not shed before verification",
        looked_at as f64,
        budget as f64,
        "stores",
    );
    report.at_most("honest updates unanswered", f64::from(unanswered), 0.0, "");
    report.at_most(
        "honest updates answered, p99",
        percentile(&waits, 99.0),
        250.0,
        "ms",
    );
    report.at_most("honest owners evicted", evicted as f64, 0.0, "");
    report.at_most("memory growth", resident_mib() - before, 8.0, "MiB");
    for (reason, count) in confidant.runtime().drops() {
        report.note(&format!("dropped: {reason}"), count as f64, "");
    }
}
