//! `npm run sim -- --seeds N --naras M --days D [--minutes T] [--seed S] [--json]`

#[path = "mod.rs"]
mod sim;

use sim::{Outcome, Plan};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (mut seeds, mut naras, mut minutes, mut first) = (10, 8, 60, 1);
    let (mut is_json, mut is_twice) = (false, false);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut number = || rest.next().and_then(|text| text.parse::<u64>().ok());
        let ok = match word.as_str() {
            "--seeds" => number().map(|n| seeds = n),
            "--naras" => number()
                .filter(|n| (2..=250).contains(n))
                .map(|n| naras = n as usize),
            "--days" => number().map(|n| minutes = n * 24 * 60),
            "--minutes" => number().map(|n| minutes = n),
            "--seed" => number().map(|n| (first, seeds) = (n, 1)),
            "--json" => {
                is_json = true;
                Some(())
            }
            "--twice" => {
                is_twice = true;
                Some(())
            }
            _ => None,
        };
        if ok.is_none() {
            eprintln!(
                "{word}: needs a number (--naras: 2 to 250), or is no option of --seeds --naras --days --minutes --seed --twice --json"
            );
            return ExitCode::from(2);
        }
    }
    let mut failures = 0;
    let mut total = Outcome::default();
    for seed in first..first + seeds {
        let plan = Plan {
            seed,
            naras,
            minutes,
            is_logged: false,
        };
        let outcome = sim::run(plan);
        let again = is_twice.then(|| sim::run(plan));
        let differs = again.is_some_and(|again| again != outcome);
        total.steps += outcome.steps;
        total.saved += outcome.saved;
        total.crashes += outcome.crashes;
        total.faults += outcome.faults;
        total.lost += outcome.lost;
        total.forks += outcome.forks;
        total.healed_after = total.healed_after.max(outcome.healed_after);
        if is_json {
            println!(
                "{{\"seed\":{seed},\"trace\":\"{:016x}\",\"steps\":{},\"saved\":{},\"crashes\":{},\"faults\":{},\"lost\":{},\"healedAfter\":{},\"ok\":{}}}",
                outcome.trace,
                outcome.steps,
                outcome.saved,
                outcome.crashes,
                outcome.faults,
                outcome.lost,
                outcome.healed_after,
                outcome.failure.is_none() && !differs
            );
        }
        if outcome.failure.is_some() || differs {
            failures += 1;
            let why = outcome
                .failure
                .unwrap_or_else(|| "two runs of one seed differ".to_owned());
            eprintln!("seed {seed} failed {why}");
            eprintln!("replay: npm run sim -- --seed {seed} --naras {naras} --minutes {minutes}");
            if seeds == 1 {
                for line in sim::run(Plan {
                    is_logged: true,
                    ..plan
                })
                .log
                {
                    eprintln!("{line}");
                }
            }
        }
    }
    let Outcome {
        steps,
        saved,
        crashes,
        faults,
        lost,
        forks,
        healed_after,
        ..
    } = total;
    eprintln!(
        "{naras} naras, {minutes} simulated minutes each: {steps} steps, {saved} reports of saved, {crashes} crashes, {faults} faults of messages, {lost} memories with no copy left, {forks} revisions written twice; whole again after {healed_after} s at most"
    );
    eprintln!("{} seeds held, {failures} failed", seeds - failures);
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
