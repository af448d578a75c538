//! What may never be in a frame: memories, souls, and every key that follows
//! from a soul.

use super::forms::forms;
use light_nara::identity::Soul;
use sha2::Digest as _;

/// In every memory, and never in a frame. So long that none of its forms is in
/// what is sealed by chance.
pub(super) const CANARY: &str = "cAnArYbIrD";

/// Each secret is longer than this, so one of its first pairs of bytes begins
/// at a multiple of it, wherever the secret stands: no others are looked at.
const STRIDE: usize = 4;

/// Texts and bytes to look for, by their first pairs of bytes.
pub(super) struct Secrets {
    /// A bit for each pair.
    pairs: Vec<u64>,
    /// Which pair is where in which secret.
    places: Vec<(usize, usize, usize)>,
    secrets: Vec<Vec<u8>>,
}

impl Secrets {
    /// Everything that only the nara with this soul may know.
    pub(super) fn of(soul: &str) -> Self {
        let parsed = Soul::parse(soul).unwrap();
        let seed = parsed.seed();
        let mut seal = [0; 32];
        hkdf::Hkdf::<sha2::Sha256>::new(Some(b"nara:stash:v1"), seed)
            .expand(b"symmetric", &mut seal)
            .unwrap();
        // Ed25519 expands the seed: what multiplies, clamped, and what nonces
        // are made of (RFC 8032, section 5.1.5).
        let expanded: [u8; 64] = sha2::Sha512::digest(seed).into();
        let (scalar, prefix) = expanded.split_at(32);
        let mut scalar = scalar.to_vec();
        scalar[0] &= 0xf8;
        scalar[31] = scalar[31] & 0x3f | 0x40;
        let mut secrets = Vec::new();
        for secret in [soul.as_bytes(), CANARY.as_bytes()] {
            secrets.extend(forms(secret));
        }
        for key in [seed.as_slice(), &seal, &scalar, prefix] {
            secrets.extend(forms(key));
            secrets.push(bs58::encode(key).into_vec());
        }
        let mut pairs = vec![0; (1 << 16) / 64];
        let mut places = Vec::new();
        for (number, secret) in secrets.iter().enumerate() {
            assert!(secret.len() > STRIDE);
            for at in 0..STRIDE {
                let pair = pair(secret[at], secret[at + 1]);
                pairs[pair / 64] |= 1 << (pair % 64);
                places.push((pair, at, number));
            }
        }
        places.sort_unstable();
        Self {
            pairs,
            places,
            secrets,
        }
    }

    /// Whether one of them is in there.
    pub(super) fn are_in(&self, frame: &[u8]) -> bool {
        let fours = frame.chunks(STRIDE).enumerate();
        let mut pairs = fours.filter_map(|(four, bytes)| match bytes {
            [one, other, ..] => Some((four * STRIDE, pair(*one, *other))),
            _ => None,
        });
        pairs.any(|(at, pair)| {
            let is_known = self.pairs[pair / 64] >> (pair % 64) & 1 == 1;
            is_known && self.is_around(frame, at, pair)
        })
    }

    /// Whether this pair is one of a secret's.
    fn is_around(&self, frame: &[u8], at: usize, pair: usize) -> bool {
        let first = self.places.partition_point(|(one, ..)| *one < pair);
        let places = self.places[first..].iter();
        let mut places = places.take_while(|(one, ..)| *one == pair);
        places.any(|(_, within, number)| {
            let start = at.checked_sub(*within);
            start.is_some_and(|start| frame[start..].starts_with(&self.secrets[*number]))
        })
    }
}

fn pair(one: u8, other: u8) -> usize {
    usize::from(one) << 8 | usize::from(other)
}
