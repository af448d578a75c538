//! `npm run sim -- [--seeds N] [--seed S] [--naras M] [--days D | --minutes T]
//! [--threads T] [--twice] [--stop] [--json]`

#[path = "mod.rs"]
mod sim;

use cpu_time::ThreadTime;
use sim::{Outcome, Plan};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

const USAGE: &str = "--seeds N, --seed S (the first, and without --seeds the only one), --naras 2 to 2000, --days D or --minutes T, --threads T, --twice, --stop (at the first that fails), --json";

/// What is to be run.
struct Wish {
    first: u64,
    seeds: u64,
    naras: usize,
    minutes: u64,
    threads: u64,
    is_json: bool,
    is_twice: bool,
    stops: bool,
}

/// How one seed ended.
struct Ended {
    seed: u64,
    outcome: Outcome,
    /// Processor time of one run, in seconds.
    took: f64,
}

fn main() -> ExitCode {
    let wish = match read(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(why) => {
            eprintln!("{why}; the options are {USAGE}");
            return ExitCode::from(2);
        }
    };
    let next = AtomicU64::new(wish.first);
    let (sender, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..wish.threads.min(wish.seeds) {
            let (sender, next, wish) = (sender.clone(), &next, &wish);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= wish.first + wish.seeds {
                        return;
                    }
                    let one = live(wish, seed);
                    if wish.stops && one.outcome.failure.is_some() {
                        next.store(wish.first + wish.seeds, Ordering::Relaxed);
                    }
                    if sender.send(one).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        report(&wish, ended)
    })
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Wish, String> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let mut wish = Wish {
        first: 1,
        seeds: 10,
        naras: 8,
        minutes: 60,
        threads: cores,
        is_json: false,
        is_twice: false,
        stops: false,
    };
    let (mut seed, mut seeds) = (None, None);
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().unwrap_or_default();
            let number = text.parse::<u64>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| format!("{word} {text}: needs a number above 0"))
        };
        match word.as_str() {
            "--seeds" => seeds = Some(number()?),
            "--seed" => seed = Some(number()?),
            "--naras" => wish.naras = number()? as usize,
            "--days" => wish.minutes = number()? * 24 * 60,
            "--minutes" => wish.minutes = number()?,
            "--threads" => wish.threads = number()?,
            "--json" => wish.is_json = true,
            "--twice" => wish.is_twice = true,
            "--stop" => wish.stops = true,
            _ => return Err(format!("{word} is no option")),
        }
    }
    if !(2..=2_000).contains(&wish.naras) {
        return Err(format!("--naras {}: must be from 2 to 2000", wish.naras));
    }
    wish.seeds = seeds.unwrap_or(if seed.is_some() { 1 } else { wish.seeds });
    wish.first = seed.unwrap_or(wish.first);
    Ok(wish)
}

fn plan(wish: &Wish, seed: u64, is_logged: bool) -> Plan {
    Plan {
        seed,
        naras: wish.naras,
        minutes: wish.minutes,
        is_logged,
    }
}

/// Runs one seed, twice if that is wished.
fn live(wish: &Wish, seed: u64) -> Ended {
    let began = ThreadTime::now();
    let mut outcome = sim::run(plan(wish, seed, false));
    let took = began.elapsed().as_secs_f64();
    if wish.is_twice && outcome.failure.is_none() && outcome != sim::run(plan(wish, seed, false)) {
        outcome.failure = Some("as two runs of it differ".to_owned());
    }
    Ended {
        seed,
        outcome,
        took,
    }
}

/// Prints each seed as it ends, and the sums.
fn report(wish: &Wish, ended: mpsc::Receiver<Ended>) -> ExitCode {
    let (mut done, mut failed, mut took) = (0, Vec::new(), 0.0);
    let mut sum = Outcome::default();
    for one in ended {
        done += 1;
        if done % 20 == 0 && done < wish.seeds {
            eprintln!("{done} of {} seeds", wish.seeds);
        }
        took += one.took;
        sum.add(&one.outcome);
        if wish.is_json {
            println!("{}", json(&one));
        }
        let seed = one.seed;
        if let Some(why) = &one.outcome.failure {
            failed.push(seed);
            let (naras, minutes) = (wish.naras, wish.minutes);
            eprintln!("seed {seed} failed {why}");
            eprintln!("replay: npm run sim -- --seed {seed} --naras {naras} --minutes {minutes}");
        }
    }
    if wish.seeds == 1 && !failed.is_empty() {
        for line in sim::run(plan(wish, wish.first, true)).log {
            eprintln!("{line}");
        }
    }
    let runs = if wish.is_twice { "twice, " } else { "" };
    eprintln!(
        "{} naras, {} simulated minutes each, {runs}{} steps: {} crashes, {} other faults of hosts, {} faults of messages, {} calls ended once, {} requests by a gateway, {} reports of saved, {} recoveries where a copy was in reach",
        wish.naras,
        wish.minutes,
        sum.steps,
        sum.crashes,
        sum.mishaps,
        sum.faults,
        sum.calls,
        sum.meshed,
        sum.saved,
        sum.recoveries
    );
    eprintln!(
        "{} memories with no copy left, {} revisions written twice; whole at most {} s after all was healed, {} s after the last connection and the last loss noticed",
        sum.lost, sum.forks, sum.healed_after, sum.whole_after
    );
    eprintln!(
        "{:.0} times real time on one core: {:.1} simulated hours in {took:.1} s of processor time",
        sum.seconds as f64 / took,
        sum.seconds as f64 / 3_600.0
    );
    let broken = failed.len() as u64;
    eprintln!("{} seeds held, {broken} failed", done - broken);
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn json(one: &Ended) -> String {
    let Ended {
        seed,
        outcome: one,
        took,
    } = one;
    format!(
        "{{\"seed\":{seed},\"trace\":\"{:016x}\",\"steps\":{},\"saved\":{},\"calls\":{},\"meshed\":{},\"crashes\":{},\"mishaps\":{},\"faults\":{},\"lost\":{},\"forks\":{},\"recoveries\":{},\"healedAfter\":{},\"wholeAfter\":{},\"simulatedSeconds\":{},\"processorSeconds\":{took:.3},\"ok\":{}}}",
        one.trace,
        one.steps,
        one.saved,
        one.calls,
        one.meshed,
        one.crashes,
        one.mishaps,
        one.faults,
        one.lost,
        one.forks,
        one.recoveries,
        one.healed_after,
        one.whole_after,
        one.seconds,
        one.failure.is_none()
    )
}
