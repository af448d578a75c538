//! `npm run durability`: how often a memory is lost, for mixes of peers that
//! come and go. One line of JSON for each mix and seed.
#![allow(
    clippy::unwrap_used,
    reason = "a measurement stops where its own assumptions fail"
)]

mod mix;
mod peer;
mod world;

use cpu_time::ThreadTime;
use mix::{MIXES, Mix};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use world::Sums;

/// Each seed is simulated for so long.
const DAYS: u64 = 1;

const USAGE: &str = "--owner-days N (of each mix), --seed S (the first), --threads T, --mix ID (that one alone), --done MIX:SEED,... (leave these out)";

struct Wish {
    owner_days: u64,
    seed: u64,
    threads: u64,
    mixes: Vec<&'static Mix>,
    done: Vec<String>,
}

fn main() -> ExitCode {
    let wish = match read(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(why) => {
            eprintln!("{why}; the options are {USAGE}");
            return ExitCode::from(2);
        }
    };
    for mix in &wish.mixes {
        measure(&wish, mix);
    }
    ExitCode::SUCCESS
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish = Wish {
        owner_days: 1_000,
        seed: 1,
        threads: 1,
        mixes: MIXES.iter().collect(),
        done: Vec::new(),
    };
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_default();
        let number = || {
            let number = value.parse::<u64>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| format!("{word} {value}: needs a number above 0"))
        };
        match word.as_str() {
            "--owner-days" => wish.owner_days = number()?,
            "--seed" => wish.seed = number()?,
            "--threads" => wish.threads = number()?,
            "--done" => wish.done = value.split(',').map(str::to_owned).collect(),
            "--mix" => {
                wish.mixes = MIXES.iter().filter(|mix| mix.id == value).collect();
                if wish.mixes.is_empty() {
                    let all: Vec<&str> = MIXES.iter().map(|mix| mix.id).collect();
                    return Err(format!("--mix {value}: there are {}", all.join(", ")));
                }
            }
            _ => return Err(format!("{word} is no option")),
        }
    }
    Ok(wish)
}

fn measure(wish: &Wish, mix: &'static Mix) {
    let peers: usize = mix.seats.iter().map(|one| one.count).sum();
    let owners = (peers * mix.owners_per_peer) as u64;
    let seeds = wish.owner_days.div_ceil(owners * DAYS);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..wish.threads.min(seeds) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds {
                        return;
                    }
                    let (seed, started) = (wish.seed + number, ThreadTime::now());
                    if wish.done.contains(&format!("{}:{seed}", mix.id)) {
                        continue;
                    }
                    let sums = world::run(*mix, seed, DAYS);
                    print(mix, seed, &sums, started.elapsed().as_secs_f64());
                }
            });
        }
    });
}

/// A line for each seed, as soon as it is done.
fn print(mix: &Mix, seed: u64, sum: &Sums, seconds: f64) {
    let limit = mix
        .limit
        .map_or("null".to_owned(), |limit| limit.to_string());
    println!(
        "{{\"mix\":\"{}\",\"title\":\"{}\",\"ownersPerPeer\":{},\"policy\":\"{}\",\"limit\":{limit},\"seed\":{seed},\"ownerDays\":{:.3},\"absences\":{},\"lost\":{},\"notGiven\":{},\"unsaved\":{},\"foundOne\":{},\"foundTwo\":{},\"copies\":{},\"messages\":{},\"seconds\":{seconds:.2}}}",
        mix.id,
        mix.title,
        mix.owners_per_peer,
        mix.policy.name,
        sum.owner_days,
        sum.absences,
        sum.lost,
        sum.not_given,
        sum.unsaved,
        sum.found[0],
        sum.found[1],
        sum.copies,
        sum.messages,
    );
}
