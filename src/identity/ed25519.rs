//! Ed25519 (RFC 8032): signing, and verifying as `ed25519-dalek`'s strict
//! verification does, which the tests hold it against. The group and its
//! scalars are ours where there are vectors for them, and the library's
//! elsewhere.
//!
//! Whoever is heard often gets a table of multiples of its own key, as the base
//! point has one, which makes verifying twice as fast.

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
use super::curve as group;
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
use super::group;

use crate::base::sha512;
use curve25519_dalek::scalar::clamp_integer;
use group::{KEY_USES, Point, Scalar, Table, canonical, is_sum, times_base};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Keys that have a table, some 40 kB each, or are on their way to one.
const KEYS_MAX: usize = 16;

/// More than so many count as so many, lest somebody keeps a place who is long
/// gone.
const USES_MAX: u32 = 64;

/// What a seed signs with.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct SecretKey {
    scalar: Scalar,
    prefix: [u8; 32],
    public: [u8; 32],
}

impl SecretKey {
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        let hash = Zeroizing::new(sha512(&[seed]));
        let (mut low, mut prefix) = (Zeroizing::new([0; 32]), [0; 32]);
        low.copy_from_slice(&hash[..32]);
        prefix.copy_from_slice(&hash[32..]);
        let scalar = Scalar::from_bytes_mod_order(clamp_integer(*low));
        let public = times_base(&scalar).compress();
        Self {
            scalar,
            prefix,
            public,
        }
    }

    pub(super) fn public(&self) -> [u8; 32] {
        self.public
    }

    pub(super) fn sign(&self, text: &[u8]) -> [u8; 64] {
        let mut nonce = hashed(&[&self.prefix, text]);
        let point = times_base(&nonce).compress();
        let challenge = hashed(&[&point, &self.public, text]);
        let proof = challenge * self.scalar + nonce;
        nonce.zeroize();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&point);
        signature[32..].copy_from_slice(proof.as_bytes());
        signature
    }
}

fn hashed(parts: &[&[u8]]) -> Scalar {
    // Of a nonce, which is as secret as the key.
    let hash = Zeroizing::new(sha512(parts));
    Scalar::from_bytes_mod_order_wide(&hash)
}

/// A key, turned round, as verifying needs it; none of small order, for which
/// one signature can fit many texts.
fn negated(key: &[u8; 32]) -> Option<Point> {
    let point = Point::decompress(key)?;
    (!point.is_small_order()).then(|| point.negated())
}

/// The parts of a signature that are checked, as what they claim: the point,
/// the proof, and the challenge that follows. A proof is taken in one
/// spelling only.
fn claims(key: &[u8; 32], text: &[u8], signature: &[u8; 64]) -> Option<([u8; 32], Scalar, Scalar)> {
    let (mut point, mut proof) = ([0; 32], [0; 32]);
    point.copy_from_slice(&signature[..32]);
    proof.copy_from_slice(&signature[32..]);
    let proof = canonical(proof)?;
    Some((point, proof, hashed(&[&point, key, text])))
}

/// Whether the owner of `key` signed `text`. A point of small order fits too
/// much; what is no point at all equals none.
pub(super) fn verify(key: &[u8; 32], text: &[u8], signature: &[u8; 64]) -> bool {
    claims(key, text, signature)
        .zip(negated(key))
        .is_some_and(|((point, proof, challenge), key)| is_sum(&point, &key, &challenge, &proof))
}

/// The keys of those who are heard often.
#[derive(Default)]
pub(super) struct KnownKeys(Vec<Known>);

struct Known {
    key: [u8; 32],
    uses: u32,
    table: Option<Table>,
}

impl KnownKeys {
    /// The same as [`verify`].
    pub(super) fn verify(&mut self, key: &[u8; 32], text: &[u8], signature: &[u8; 64]) -> bool {
        let is_signed = match self.table(key) {
            Some(table) => claims(key, text, signature).is_some_and(|(point, proof, challenge)| {
                let found = table.public_sum(&challenge, &proof);
                found.compress() == point && !found.is_small_order()
            }),
            None => verify(key, text, signature),
        };
        if is_signed {
            self.used(key);
        }
        is_signed
    }

    fn table(&self, key: &[u8; 32]) -> Option<&Table> {
        self.0.iter().find(|one| one.key == *key)?.table.as_ref()
    }

    /// Counts one who signed. Nobody pushes out another by one message: a
    /// newcomer takes a place from whoever was heard least, one step at a time.
    fn used(&mut self, key: &[u8; 32]) {
        if let Some(known) = self.0.iter_mut().find(|one| one.key == *key) {
            known.uses = (known.uses + 1).min(USES_MAX);
            if known.uses >= KEY_USES && known.table.is_none() {
                known.table = negated(key).map(|key| Table::of(&key));
            }
        } else if self.0.len() < KEYS_MAX {
            self.0.push(Known {
                key: *key,
                uses: 1,
                table: None,
            });
        } else if let Some(least) = self.0.iter_mut().min_by_key(|one| one.uses) {
            least.uses -= 1;
            if least.uses == 0 {
                *least = Known {
                    key: *key,
                    uses: 1,
                    table: None,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use curve25519_dalek::scalar::Scalar;
    use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
    #[cfg(target_family = "wasm")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// What the library says of it.
    fn strict(key: &[u8; 32], text: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(text, &signature).is_ok())
    }

    #[test]
    fn every_seed_signs_as_with_the_library_and_every_change_is_noticed() {
        let mut rng = Rng::from_seed([1; 32]);
        let mut known = KnownKeys::default();
        // Without optimisation a vector takes its time.
        let rounds = if cfg!(target_family = "wasm") {
            30
        } else {
            120
        };
        for round in 0..rounds {
            let seed = rng.array();
            let text = &rng.array::<200>()[..rng.below(200) as usize];
            let (ours, theirs) = (SecretKey::from_seed(&seed), SigningKey::from_bytes(&seed));
            assert_eq!(ours.public(), theirs.verifying_key().to_bytes());
            let signature = ours.sign(text);
            assert_eq!(signature, theirs.sign(text).to_bytes(), "round {round}");
            assert!(verify(&ours.public(), text, &signature));
            assert!(known.verify(&ours.public(), text, &signature));
            let mut changed = signature;
            changed[rng.below(64) as usize] ^= 1 << rng.below(8);
            assert!(!verify(&ours.public(), text, &changed));
            assert!(!known.verify(&ours.public(), text, &changed));
            assert!(!verify(&ours.public(), &[text, b"!"].concat(), &signature));
        }
    }

    #[test]
    fn a_table_of_ones_own_changes_no_verdict() {
        let secret = SecretKey::from_seed(&[5; 32]);
        let key = secret.public();
        let mut known = KnownKeys::default();
        for round in 0..KEY_USES + 4 {
            assert_eq!(known.table(&key).is_some(), round >= KEY_USES, "{round}");
            let text = round.to_le_bytes();
            let signature = secret.sign(&text);
            assert!(known.verify(&key, &text, &signature));
            for at in [0, 31, 32, 63] {
                let mut changed = signature;
                changed[at] ^= 1;
                assert!(!known.verify(&key, &text, &changed), "{round}: byte {at}");
            }
            assert!(!known.verify(&key, b"another", &signature));
        }
        // The proof plus the group's order is the same number in another spelling.
        let mut signature = secret.sign(b"text");
        let order = Scalar::ZERO - Scalar::ONE;
        let mut carry = 1_u16;
        for (byte, add) in signature[32..].iter_mut().zip(order.as_bytes()) {
            carry += u16::from(*byte) + u16::from(*add);
            *byte = carry as u8;
            carry >>= 8;
        }
        assert!(!known.verify(&key, b"text", &signature));
        assert!(!verify(&key, b"text", &signature));
    }

    #[test]
    fn points_of_small_order_and_none_are_judged_as_by_the_library() {
        use curve25519_dalek::constants::EIGHT_TORSION;
        let mut points: Vec<[u8; 32]> = EIGHT_TORSION
            .iter()
            .map(|point| point.compress().to_bytes())
            .collect();
        // y = p and y = p + 1 are zero and one, spelled otherwise.
        for low in [0xed, 0xee, 0xff] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, 0x7f);
            points.push(bytes);
        }
        points.push([0xff; 32]);
        points.push([2; 32]);
        points.push(SecretKey::from_seed(&[5; 32]).public());
        for key in &points {
            for point in &points {
                for proof in [Scalar::ZERO, Scalar::ONE] {
                    let mut signature = [0; 64];
                    signature[..32].copy_from_slice(point);
                    signature[32..].copy_from_slice(proof.as_bytes());
                    let expected = strict(key, b"text", &signature);
                    assert_eq!(verify(key, b"text", &signature), expected);
                    assert!(!expected);
                }
            }
        }
    }

    #[test]
    fn no_flood_of_strangers_takes_the_place_of_a_friend_and_tables_are_few() {
        let friend = SecretKey::from_seed(&[5; 32]).public();
        let mut known = KnownKeys::default();
        (0..KEY_USES).for_each(|_| known.used(&friend));
        for stranger in 0..1_000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&stranger.to_le_bytes());
            known.used(&key);
        }
        assert!(known.table(&friend).is_some());
        assert_eq!(known.0.len(), KEYS_MAX);
    }
}
