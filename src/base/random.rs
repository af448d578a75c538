//! Seeded randomness: one 32-byte seed from the platform, forked for each use.

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
use super::chacha::Generator;
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
use library::Generator;

use super::base58;
use core::time::Duration;

/// A deterministic generator (ChaCha20) that is cryptographically strong when
/// its seed is.
pub struct Rng(Generator);

impl Rng {
    /// A generator that always yields the same bytes for the same seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(Generator::from_seed(&seed))
    }

    /// An independent generator, seeded from this one.
    pub fn fork(&mut self) -> Self {
        Self::from_seed(self.array())
    }

    /// `N` random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    /// What names a request: nobody guesses it.
    #[inline(never)]
    pub fn request_id(&mut self) -> String {
        base58::encode(&self.array::<12>())
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// A number below `bound`; zero when `bound` is zero. The bias is below
    /// 2⁻³² for every bound this crate uses.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u32
    }

    /// A duration of whole microseconds in `from..=to`.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = to.saturating_sub(from).as_micros() + 1;
        from + Duration::from_micros(((u128::from(self.number()) * span) >> 64) as u64)
    }

    /// Puts the items in a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u32 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
mod library {
    use chacha20::ChaCha20Rng;
    use chacha20::rand_core::{Rng as _, SeedableRng as _};

    pub(super) struct Generator(ChaCha20Rng);

    impl Generator {
        pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
            Self(ChaCha20Rng::from_seed(*seed))
        }

        pub(super) fn fill(&mut self, bytes: &mut [u8]) {
            self.0.fill_bytes(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let (mut a, mut b) = (Rng::from_seed([7; 32]), Rng::from_seed([7; 32]));
        assert_eq!(a.array::<40>(), b.array::<40>());
        assert_ne!(a.fork().array::<8>(), a.fork().array::<8>());
    }

    #[test]
    fn draws_stay_in_range_and_reach_both_ends() {
        let mut rng = Rng::from_seed([1; 32]);
        let draws: Vec<u32> = (0..200).map(|_| rng.below(4)).collect();
        assert!((0..4).all(|wanted| draws.contains(&wanted)));
        assert!(draws.iter().all(|draw| *draw < 4));
        let (from, to) = (Duration::from_millis(100), Duration::from_millis(600));
        assert!(
            (0..200)
                .map(|_| rng.between(from, to))
                .all(|d| d >= from && d <= to)
        );
    }
}
