//! Many naras in one process, each with a socket of its own to a real broker:
//! `crowd PLAZA FIRST COUNT STORES`. It says how many are online, each second;
//! when it is told to store, by a line on its input, the naras do so one by one,
//! and it says how long each took.
#![allow(
    clippy::disallowed_methods,
    reason = "what is measured here takes real time"
)]

use super::wire::{Wire, now};
use super::world::nara;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use light_nara::nara::{Effect, Event, Nara};
use light_nara::plaza::Credentials;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

/// Each wakes so much later than the one before, for each that is there already:
/// everybody hears some ten messages for each newcomer, and a broker that they
/// come too fast for keeps all of them waiting.
const LATER: Duration = Duration::from_millis(2);

/// A store begins every so often, whether the one before has ended or not.
const STORE_EVERY: Duration = Duration::from_millis(200);

/// A store that takes longer has failed.
const STORE_WITHIN: Duration = Duration::from_secs(30);

/// A thread with nothing to do looks up this often.
const NAP: Duration = Duration::from_millis(500);

static ONLINE: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn run(words: &[String]) {
    let [plaza, first, count, stores] = words else {
        panic!("crowd PLAZA FIRST COUNT STORES");
    };
    let [first, count, stores] = [first, count, stores].map(|word| word.parse().unwrap());
    let (tell, ends) = channel();
    let crowd: Vec<Sender<Instant>> = (0..count)
        .map(|n| {
            let (order, orders) = channel();
            let (plaza, tell) = (plaza.clone(), tell.clone());
            let live = move || live(nara((first + n) as u64, "medium"), &plaza, &orders, &tell);
            thread::Builder::new()
                .stack_size(1 << 20)
                .spawn(live)
                .unwrap();
            let woken = Instant::now();
            while ONLINE.load(Relaxed) < n + 1 || woken.elapsed() < LATER * n as u32 {
                say_online();
                thread::sleep(Duration::from_millis(50));
            }
            order
        })
        .collect();
    thread::spawn(|| {
        loop {
            say_online();
            thread::sleep(Duration::from_secs(1));
        }
    });
    std::io::stdin().read_line(&mut String::new()).unwrap();
    // A nap ahead, so that nobody oversleeps.
    let began = Instant::now() + 2 * NAP;
    for n in 0..stores {
        let at = began + STORE_EVERY * n as u32;
        crowd[n % count].send(at).unwrap();
    }
    let mut times = Vec::new();
    let mut failed = 0;
    for _ in 0..stores {
        match ends.recv().unwrap() {
            Some(took) => times.push(format!("{:.3}", Duration::as_secs_f64(&took) * 1e3)),
            None => failed += 1,
        }
    }
    println!("{{\"times\":[{}],\"failed\":{failed}}}", times.join(","));
    // Until nobody has another question, such as what all of this took.
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn say_online() {
    println!("{{\"online\":{}}}", ONLINE.load(Relaxed));
}

/// One nara, until the process ends.
fn live(mut nara: Nara, plaza: &str, orders: &Receiver<Instant>, ends: &Sender<Option<Duration>>) {
    let mut wire: Option<Wire> = None;
    let mut due: Option<Instant> = None;
    let mut store_began = None;
    let mut is_online = false;
    nara.wake(now());
    loop {
        while let Some(effect) = nara.poll_effect() {
            match effect {
                Effect::Open => match Wire::open(plaza) {
                    Ok(opened) => {
                        wire = Some(opened);
                        let user = nara.me().identity.id.to_string();
                        let password = None;
                        nara.handle_opened(now(), Credentials { user, password });
                    }
                    Err(error) => nara.handle_closed(now(), &error.to_string()),
                },
                Effect::Send(bytes) => {
                    if let Some(Err(error)) = wire.as_mut().map(|wire| wire.send(&bytes)) {
                        wire = None;
                        nara.handle_closed(now(), &error.to_string());
                    }
                }
                Effect::Close => wire = None,
                Effect::Event(Event::Status) if is_online != wire.is_some() => {
                    let is = nara.status(now()).connection.state == "online";
                    match (core::mem::replace(&mut is_online, is), is) {
                        (false, true) => ONLINE.fetch_add(1, Relaxed),
                        (true, false) => ONLINE.fetch_sub(1, Relaxed),
                        _ => continue,
                    };
                }
                Effect::Event(Event::Set(_, result)) => {
                    let took = store_began.take().map(|began: Instant| began.elapsed());
                    ends.send(took.filter(|_| result.is_ok())).unwrap();
                }
                _ => {}
            }
        }
        due = due.or_else(|| orders.try_recv().ok());
        if due.is_some_and(|at| at <= Instant::now()) {
            store_began = due.take();
            let memory = "{\"tea\":\"oolong\"}".to_owned();
            if nara.set(now(), memory, STORE_WITHIN).is_err() {
                ends.send(None).unwrap();
            }
            continue;
        }
        let until_due = due.map_or(NAP, |at| at - Instant::now());
        let until_timeout = nara.poll_timeout().map_or(NAP, |(at, _)| at - now().mono);
        let wait = NAP.min(until_due).min(until_timeout);
        match wire.as_mut().map(|wire| wire.read(wait)) {
            None => thread::sleep(wait),
            Some(Ok(bytes)) if bytes.is_empty() => {}
            Some(Ok(bytes)) => nara.handle_data(now(), &bytes),
            Some(Err(error)) => {
                wire = None;
                nara.handle_closed(now(), &error.to_string());
            }
        }
        if nara.poll_timeout().is_some_and(|(at, _)| at <= now().mono) {
            nara.handle_timeout(now());
        }
    }
}
