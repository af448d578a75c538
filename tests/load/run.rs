//! The native parts of `npm run load` and `npm run scale`: one line of JSON
//! for each part named.
#![allow(
    clippy::unwrap_used,
    reason = "a measurement stops where its own assumptions fail"
)]

mod calls;
mod flood;
mod net;
mod recovery;
mod report;
mod scale;
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
    for word in std::env::args().skip(1) {
        let Some((part, title, run)) = PARTS.iter().find(|(part, ..)| *part == word) else {
            eprintln!("there is no part {word}");
            return ExitCode::FAILURE;
        };
        let mut report = Report::new(part, title);
        run(&mut report);
        report.print();
    }
    ExitCode::SUCCESS
}
