//! A nara that wakes among its three holders, on links that are slow and lose.

use super::net::Net;
use super::report::Report;
use super::world::{at, nara, percentile, seed};
use core::time::Duration;
use light_nara::nara::{Config, Event, Nara};

/// One way, between a nara and the broker: 200 ms there and back between two.
const DELAY: u64 = 50_000;

const TRIALS: u64 = 300;

/// How long the search may go on behind.
const PATIENCE: u64 = 120_000_000;

pub(crate) fn run(report: &mut Report) {
    for (loss, limit) in [(0, 3_000.0), (10, 3_000.0), (30, 15_000.0)] {
        let mut times: Vec<f64> = (0..TRIALS).map(|trial| recover(trial, loss)).collect();
        times.sort_by(f64::total_cmp);
        report.note(
            &format!("recovery at {loss}% loss, median"),
            percentile(&times, 50.0),
            "ms",
        );
        report.at_most(
            &format!("recovery at {loss}% loss, p99"),
            percentile(&times, 99.0),
            limit,
            "ms",
        );
    }
    report.note("trials each", TRIALS as f64, "");
}

/// How many milliseconds it takes from waking to having the memory.
fn recover(trial: u64, loss: u32) -> f64 {
    let mut net = Net::new(trial as u8, DELAY);
    for n in 0..3 {
        net.wake(nara(trial * 100 + n, "medium"));
    }
    let owner = net.wake(nara(trial * 100 + 50, "medium"));
    net.run(10_000_000, |_| false);
    let wait = Duration::from_secs(10);
    net.act(owner, |nara, now| {
        nara.set(now, "{\"tea\":\"oolong\"}".to_owned(), wait)
    })
    .unwrap();
    net.run(20_000_000, |_| false);
    let held = net.hosts[owner]
        .nara
        .stash()
        .unwrap()
        .owner()
        .current_holders()
        .count();
    assert_eq!(held, 3);
    net.hosts[owner].is_gone = true;
    let soul = net.hosts[owner].nara.soul().to_text();
    net.run(30_000_000 + trial * 7_919, |_| false);
    net.loss = loss;
    let config = Config::reborn(&soul, None).unwrap();
    let again = Nara::new(config, seed(trial + (1 << 40)), at(net.micros));
    let (woken, again) = (net.micros, net.wake(again));
    net.events.clear();
    let is_back = |net: &Net| net.hosts[again].nara.memory().is_some();
    let recover = net
        .act(again, |nara, now| {
            nara.recover(now, Duration::from_micros(PATIENCE))
        })
        .unwrap();
    net.run(woken + PATIENCE, |net| {
        let ended = |(place, event): &(usize, Event)| {
            *place == again && matches!(event, Event::Recovered(one, Some(_)) if *one == recover)
        };
        is_back(net) && net.events.iter().any(ended)
    });
    (net.micros - woken) as f64 / 1e3
}
