//! `npm run sim -- [--seeds N] [--naras M] [--days D | --minutes T] [--seed S]
//! [--threads T] [--twice] [--json]`

#[path = "mod.rs"]
mod sim;

use sim::{Outcome, Plan};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

const USAGE: &str = "--seeds N, --naras 2 to 250, --days D or --minutes T, --seed S (that one alone), --threads T, --twice, --json";

/// What is to be run.
struct Wish {
    first: u64,
    seeds: u64,
    naras: usize,
    minutes: u64,
    threads: u64,
    is_json: bool,
    is_twice: bool,
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
                    if seed >= wish.first + wish.seeds || sender.send(live(wish, seed)).is_err() {
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
    let mut wish = Wish {
        first: 1,
        seeds: 10,
        naras: 8,
        minutes: 60,
        threads: 1,
        is_json: false,
        is_twice: false,
    };
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().unwrap_or_default();
            let number = text.parse::<u64>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| format!("{word} {text}: needs a number above 0"))
        };
        match word.as_str() {
            "--seeds" => wish.seeds = number()?,
            "--naras" => wish.naras = number()? as usize,
            "--days" => wish.minutes = number()? * 24 * 60,
            "--minutes" => wish.minutes = number()?,
            "--seed" => (wish.first, wish.seeds) = (number()?, 1),
            "--threads" => wish.threads = number()?,
            "--json" => wish.is_json = true,
            "--twice" => wish.is_twice = true,
            _ => return Err(format!("{word} is no option")),
        }
    }
    if !(2..=250).contains(&wish.naras) {
        return Err(format!("--naras {}: must be from 2 to 250", wish.naras));
    }
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
fn live(wish: &Wish, seed: u64) -> (u64, Outcome) {
    let mut outcome = sim::run(plan(wish, seed, false));
    if wish.is_twice && outcome.failure.is_none() && outcome != sim::run(plan(wish, seed, false)) {
        outcome.failure = Some("as two runs of it differ".to_owned());
    }
    (seed, outcome)
}

/// Prints each seed as it ends, and the sums.
fn report(wish: &Wish, ended: mpsc::Receiver<(u64, Outcome)>) -> ExitCode {
    let (mut done, mut failed) = (0, Vec::new());
    let mut sum = Outcome::default();
    for (seed, one) in ended {
        done += 1;
        if done % 20 == 0 && done < wish.seeds {
            eprintln!("{done} of {} seeds", wish.seeds);
        }
        sum.steps += one.steps;
        sum.saved += one.saved;
        sum.calls += one.calls;
        sum.crashes += one.crashes;
        sum.faults += one.faults;
        sum.lost += one.lost;
        sum.forks += one.forks;
        sum.recoveries += one.recoveries;
        sum.healed_after = sum.healed_after.max(one.healed_after);
        sum.whole_after = sum.whole_after.max(one.whole_after);
        if wish.is_json {
            println!("{}", json(seed, &one));
        }
        if let Some(why) = &one.failure {
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
        "{} naras, {} simulated minutes each, {runs}{} steps: {} crashes, {} faults of messages, {} calls ended once, {} reports of saved, {} recoveries where a copy was in reach",
        wish.naras,
        wish.minutes,
        sum.steps,
        sum.crashes,
        sum.faults,
        sum.calls,
        sum.saved,
        sum.recoveries
    );
    eprintln!(
        "{} memories with no copy left, {} revisions written twice; whole at most {} s after all was healed, {} s after the last connection and the last loss noticed",
        sum.lost, sum.forks, sum.healed_after, sum.whole_after
    );
    eprintln!(
        "{} seeds held, {} failed",
        wish.seeds - failed.len() as u64,
        failed.len()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn json(seed: u64, one: &Outcome) -> String {
    format!(
        "{{\"seed\":{seed},\"trace\":\"{:016x}\",\"steps\":{},\"saved\":{},\"calls\":{},\"crashes\":{},\"faults\":{},\"lost\":{},\"forks\":{},\"recoveries\":{},\"healedAfter\":{},\"wholeAfter\":{},\"ok\":{}}}",
        one.trace,
        one.steps,
        one.saved,
        one.calls,
        one.crashes,
        one.faults,
        one.lost,
        one.forks,
        one.recoveries,
        one.healed_after,
        one.whole_after,
        one.failure.is_none()
    )
}
