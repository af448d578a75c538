//! The generator behind Go's `math/rand`, which generated names are drawn from.
//!
//! It is an additive lagged Fibonacci generator over 64-bit words,
//! `x[n] = x[n-607] + x[n-273]`, whose seeded state is mixed with a fixed
//! table: the state of the same generator, seeded with 1, after 7.8 × 10¹²
//! steps. The table is computed here when first needed, not stored: its 4.8 kB
//! are noise that no compression shrinks, and computing it takes 3 to 8 ms in
//! WebAssembly, once, and only where a name is generated.

use std::sync::LazyLock;

/// How many words the generator remembers: the longer lag.
const LENGTH: usize = 607;

/// Where the second term of a sum is found: `LENGTH` minus the shorter lag.
const OFFSET: usize = 334;

/// How often the generator had been stepped when its state became the table.
const TABLE_STEPS: u64 = 7_800_000_000_000;

/// The state after [`TABLE_STEPS`] steps.
static TABLE: LazyLock<[u64; LENGTH]> = LazyLock::new(table);

/// A generator that draws what Go's `rand.New(rand.NewSource(seed))` draws.
pub(super) struct GoRandom {
    state: [u64; LENGTH],
    steps: usize,
}

impl GoRandom {
    /// The generator for one seed.
    pub(super) fn new(seed: i64) -> Self {
        let mut state = seeded(seed, [40, 20, 0]);
        for (word, mixed_in) in state.iter_mut().zip(TABLE.iter()) {
            *word ^= mixed_in;
        }
        Self { state, steps: 0 }
    }

    /// The next 63 random bits.
    fn int63(&mut self) -> u64 {
        let other = self.state[place(self.steps + OFFSET)];
        let word = &mut self.state[place(self.steps)];
        *word = word.wrapping_add(other);
        self.steps = (self.steps + 1) % LENGTH;
        *word & (u64::MAX >> 1)
    }

    /// A number below `bound`, without bias: draws from the incomplete last
    /// stretch of the range are thrown away. Zero when `bound` is zero.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        if bound == 0 {
            return 0;
        }
        const RANGE: u32 = 1 << 31;
        let whole = RANGE - RANGE % bound;
        loop {
            let draw = (self.int63() >> 32) as u32;
            if draw < whole {
                return draw % bound;
            }
        }
    }
}

/// Where the state keeps term `n` of the sequence: places are used downwards,
/// starting below `OFFSET`.
fn place(n: usize) -> usize {
    (OFFSET - 1 + LENGTH - n % LENGTH) % LENGTH
}

/// A state filled from a seed with the Park–Miller generator, three draws to a
/// word, each shifted left.
fn seeded(seed: i64, shifts: [u32; 3]) -> [u64; LENGTH] {
    const MODULUS: i64 = (1 << 31) - 1;
    const FOR_ZERO: u64 = 89_482_311;
    const SKIPPED: usize = 20;
    let mut x = match seed.rem_euclid(MODULUS) as u64 {
        0 => FOR_ZERO,
        other => other,
    };
    let mut draw = || {
        x = x * 48_271 % MODULUS as u64;
        x
    };
    for _ in 0..SKIPPED {
        draw();
    }
    core::array::from_fn(|_| {
        shifts
            .iter()
            .fold(0, |word, shift| word ^ (draw() << shift))
    })
}

/// The state after [`TABLE_STEPS`] steps, by a jump: modulo `x^607 - x^334 - 1`
/// the power `x^TABLE_STEPS` is a polynomial whose coefficients say how the
/// first terms of the sequence add up to the term that many steps later.
fn table() -> [u64; LENGTH] {
    let jump = power_of_x(TABLE_STEPS);
    let start = seeded(1, [20, 10, 0]);
    let mut terms = [0; 2 * LENGTH];
    for n in 0..LENGTH {
        terms[n] = start[place(n)];
    }
    for n in LENGTH..terms.len() {
        terms[n] = terms[n - LENGTH].wrapping_add(terms[n - LENGTH + OFFSET]);
    }
    let first = (TABLE_STEPS % LENGTH as u64) as usize;
    let mut table = [0; LENGTH];
    for n in 0..LENGTH {
        let products = jump
            .iter()
            .zip(&terms[n..])
            .map(|(a, b)| a.wrapping_mul(*b));
        table[place(first + n)] = products.fold(0, u64::wrapping_add);
    }
    table
}

/// `x^exponent` modulo `x^607 - x^334 - 1`, over the integers modulo 2⁶⁴;
/// coefficients from the lowest.
fn power_of_x(exponent: u64) -> [u64; LENGTH] {
    let mut power = [0; LENGTH];
    power[0] = 1;
    for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
        power = squared(&power);
        if exponent >> bit & 1 == 1 {
            power.rotate_right(1);
            power[OFFSET] = power[OFFSET].wrapping_add(power[0]);
        }
    }
    power
}

/// The square of a polynomial, reduced.
fn squared(polynomial: &[u64; LENGTH]) -> [u64; LENGTH] {
    let mut product = [0_u64; 2 * LENGTH];
    for (i, a) in polynomial.iter().enumerate().filter(|(_, a)| **a != 0) {
        product[2 * i] = product[2 * i].wrapping_add(a.wrapping_mul(*a));
        // Each mixed pair counts twice.
        let twice = a.wrapping_mul(2);
        for (sum, b) in product[2 * i + 1..].iter_mut().zip(&polynomial[i + 1..]) {
            *sum = sum.wrapping_add(twice.wrapping_mul(*b));
        }
    }
    for n in (LENGTH..product.len()).rev() {
        let carried = product[n];
        product[n - LENGTH] = product[n - LENGTH].wrapping_add(carried);
        product[n - LENGTH + OFFSET] = product[n - LENGTH + OFFSET].wrapping_add(carried);
    }
    core::array::from_fn(|n| product[n])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_draws_are_those_of_go() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/identity.json")).unwrap();
        let cases = vectors["generate_name"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let seed = case["rand_seed"].as_str().unwrap().parse().unwrap();
            let mut random = GoRandom::new(seed);
            for draw in case["first_int63"].as_array().unwrap() {
                assert_eq!(
                    random.int63().to_string(),
                    draw.as_str().unwrap(),
                    "seed {seed}"
                );
            }
        }
    }

    #[test]
    fn a_jump_lands_where_single_steps_do() {
        let start = seeded(1, [20, 10, 0]);
        let mut stepped = GoRandom {
            state: start,
            steps: 0,
        };
        for steps in 0..2000_u64 {
            let jump = power_of_x(steps);
            let term = (0..LENGTH).fold(0_u64, |sum, n| {
                sum.wrapping_add(jump[n].wrapping_mul(start[place(n)]))
            });
            assert_eq!(
                term,
                stepped.state[place(stepped.steps)],
                "after {steps} steps"
            );
            stepped.int63();
        }
    }

    #[test]
    fn every_bound_is_kept() {
        let mut random = GoRandom::new(i64::MIN);
        for bound in [1, 2, 3, 57, 1000, (1 << 30) + 1, 1 << 31] {
            assert!((0..100).all(|_| random.below(bound) < bound), "{bound}");
        }
        assert_eq!(random.below(0), 0);
    }
}
