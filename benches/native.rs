//! The operations of `npm run bench` that are measured natively, too. Prints
//! one line of JSON: operations a second, the median of some rounds.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and its inputs are its own"
)]

use light_nara::bench::{Owner, Taker};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 15;
const STORES: u8 = 40;

fn main() {
    let mut owner = Owner::new([7; 32]).unwrap();
    let plaintext: Vec<u8> = (0..10_224_u32).map(|at| (at * 7 % 251) as u8).collect();
    let text = &plaintext[..1_024];
    let seal = rate(400, || {
        black_box(owner.seal([1; 24], black_box(&plaintext)));
    });
    let sign = rate(400, || {
        black_box(owner.sign(black_box(text)));
    });
    let id = Taker::new().unwrap().id().to_owned();
    let json = format!("{{\"memory\":\"{}\"}}", "tea ".repeat(2_500));
    let frames: Vec<Vec<u8>> = (0..STORES)
        .map(|seed| {
            let mut one = Owner::new([seed + 1; 32]).unwrap();
            one.make_store(&id, &json, [seed; 24], 0).unwrap()
        })
        .collect();
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let mut taker = Taker::new().unwrap();
        let began = Instant::now();
        for frame in &frames {
            black_box(taker.take(frame, 0));
        }
        rates.push(f64::from(STORES) / began.elapsed().as_secs_f64());
        assert_eq!(taker.held(), usize::from(STORES));
    }
    let take = median(rates);
    let make = rate(50, || {
        black_box(owner.make_store(&id, &json, [1; 24], 0).unwrap());
    });
    println!(
        "{{\"seal_10k\":{seal:.1},\"sign_1k\":{sign:.1},\"take_store\":{take:.1},\"make_store\":{make:.1}}}"
    );
}

fn rate(times: u32, mut run: impl FnMut()) -> f64 {
    let rates = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        (0..times).for_each(|_| run());
        f64::from(times) / began.elapsed().as_secs_f64()
    });
    median(rates.collect())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
