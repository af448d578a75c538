//! The native parts of `npm run load` and `npm run scale`: one line of JSON
//! for each part named. `crowd` and `stores` are what other parts, in
//! scripts/load.js, let loose on a real broker.
#![allow(
    clippy::unwrap_used,
    reason = "a measurement stops where its own assumptions fail"
)]

mod calls;
mod crowd;
mod flood;
mod net;
mod recovery;
mod report;
mod scale;
mod stores;
mod wire;
mod world;

use report::Report;
use std::process::ExitCode;

type Part = (&'static str, &'static str, fn(&mut Report));

const PARTS: &[Part] = &[
    (
        "flood",
        "a full confidant offered 10,000 stores a second",
        flood::run,
    ),
    ("calls", "a million calls", calls::run),
    (
        "recovery",
        "recovery from three holders, 200 ms there and back",
        recovery::run,
    ),
    ("scale", "one nara among more and more", scale::run),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((word, more)) if word == "crowd" => crowd::run(more),
        Some((word, more)) if word == "stores" => stores::run(more),
        _ => return measure(&words),
    }
    ExitCode::SUCCESS
}

fn measure(words: &[String]) -> ExitCode {
    for word in words {
        let Some((part, title, run)) = PARTS.iter().find(|(part, ..)| *part == word.as_str())
        else {
            eprintln!("there is no part {word}");
            return ExitCode::FAILURE;
        };
        let mut report = Report::new(part, title);
        run(&mut report);
        report.print();
    }
    ExitCode::SUCCESS
}
