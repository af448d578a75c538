//! Souls, names, ids, keys and seals against what the reference
//! implementation made of the same input.
//!
//! Left out, because a light nara has no notion of them: gemstones, and
//! whether a host's name is good enough to be a nara's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use light_nara::identity::{
    BondError, Keys, NAME_LENGTH_MAX, Soul, SoulError, generate_name, nara_id, verify,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const IDENTITY: &str = include_str!("../vectors/identity.json");
const SEAL: &str = include_str!("../vectors/seal.json");
const NAMES: &str = include_str!("../vectors/names.json");

/// The cases of one section, which must have some.
fn cases(file: &str, section: &str) -> Vec<Value> {
    let mut vectors: Value = serde_json::from_str(file).unwrap();
    let cases = serde_json::from_value::<Vec<Value>>(vectors[section].take()).unwrap();
    assert!(!cases.is_empty(), "no cases in {section}");
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {case}"))
}

fn truth(case: &Value, field: &str) -> bool {
    case[field]
        .as_bool()
        .unwrap_or_else(|| panic!("no truth {field} in {case}"))
}

fn from_hex(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(case, field)).unwrap()
}

fn from_base64(case: &Value, field: &str) -> Vec<u8> {
    STANDARD.decode(text(case, field)).unwrap()
}

/// What every soul with a name must come to.
fn check_identity(case: &Value) {
    let (name, soul) = (text(case, "name"), Soul::parse(text(case, "soul")).unwrap());
    assert_eq!(name.as_bytes(), from_hex(case, "name_hex"), "{case}");
    assert_eq!(soul.to_text(), text(case, "soul"));
    assert_eq!(soul.seed(), from_hex(case, "seed_hex").as_slice(), "{case}");
    assert_eq!(nara_id(&soul, name).as_str(), text(case, "id"), "{case}");
    assert_eq!(soul.is_bonded_to(name), truth(case, "bond_valid"), "{case}");
    match Keys::new(&soul, name) {
        Ok(keys) => check_keys(&keys, case),
        Err(BondError::NameTooLong { found }) => {
            assert!(found > NAME_LENGTH_MAX && name.len() == found, "{case}");
        }
        Err(error) => {
            assert!(!truth(case, "bond_valid"), "{case}");
            assert_eq!(
                error,
                BondError::OtherName {
                    tried: name.to_owned()
                }
            );
        }
    }
    if truth(case, "bond_valid") {
        assert_eq!(
            Soul::from_seed(*soul.seed(), name).to_text(),
            soul.to_text(),
            "{case}"
        );
    }
}

fn check_keys(keys: &Keys, case: &Value) {
    assert!(truth(case, "bond_valid"), "{case}");
    assert_eq!(keys.name(), text(case, "name"));
    assert_eq!(keys.id().as_str(), text(case, "id"));
    assert_eq!(
        keys.public_key().0.as_slice(),
        from_base64(case, "public_key"),
        "{case}"
    );
    assert_eq!(
        (keys.id(), keys.public_key()),
        (&keys.identity().id, keys.identity().key)
    );
    assert!(
        verify(&keys.public_key(), b"text", &keys.sign(b"text")),
        "{case}"
    );
    // The stash key is nowhere to be read, but this is what it must make.
    let cipher = XChaCha20Poly1305::new_from_slice(&from_hex(case, "symmetric_key_hex")).unwrap();
    let sealed = cipher
        .encrypt(&[9; 24].into(), b"memory".as_slice())
        .unwrap();
    assert_eq!(keys.seal([9; 24], b"memory"), sealed, "{case}");
}

#[test]
fn a_soul_belongs_to_its_own_name_only() {
    for case in cases(IDENTITY, "bonds") {
        let (soul, name) = (
            Soul::parse(text(&case, "soul")).unwrap(),
            text(&case, "name"),
        );
        assert_eq!(soul.is_bonded_to(name), truth(&case, "valid"), "{case}");
        let expected = match name {
            _ if truth(&case, "valid") => None,
            "" => Some(BondError::NameEmpty),
            _ => Some(BondError::OtherName {
                tried: name.to_owned(),
            }),
        };
        assert_eq!(Keys::new(&soul, name).err(), expected, "{case}");
    }
}

#[test]
fn native_souls_with_chosen_names_are_those_of_the_network() {
    for case in cases(IDENTITY, "custom") {
        let soul = Soul::native(&from_hex(&case, "hw_hex"), Some(text(&case, "name")));
        assert_eq!(soul.to_text(), text(&case, "soul"), "{case}");
        check_identity(&case);
    }
}

#[test]
fn native_souls_with_generated_names_are_those_of_the_network() {
    for case in cases(IDENTITY, "generated") {
        let soul = Soul::native(&from_hex(&case, "hw_hex"), None);
        assert_eq!(soul.to_text(), text(&case, "soul"), "{case}");
        assert_eq!(soul.generated_name(), text(&case, "name"), "{case}");
        let (same, name) = Soul::generated(*soul.seed());
        assert_eq!(
            (same.to_text().as_str(), name.as_str()),
            (text(&case, "soul"), text(&case, "name"))
        );
        check_identity(&case);
    }
}

#[test]
fn souls_of_unusual_bytes_are_read_and_written() {
    cases(IDENTITY, "edge_souls")
        .iter()
        .for_each(check_identity);
}

#[test]
fn names_are_generated_as_go_draws_them() {
    for case in cases(IDENTITY, "generate_name") {
        let id = text(&case, "id");
        assert_eq!(generate_name(id), text(&case, "name"), "{id:?}");
        let digest = Sha256::digest(id);
        let seed = i64::from_be_bytes(digest[..8].try_into().unwrap());
        assert_eq!(seed.to_string(), text(&case, "rand_seed"), "{id:?}");
    }
}

#[test]
fn all_words_turn_up_in_generated_names() {
    let list = |section| -> Vec<String> {
        cases(NAMES, section)
            .into_iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let (mut adjectives, mut nouns) = (list("adjectives"), list("nouns"));
    for n in 0..2000 {
        let name = generate_name(&n.to_string());
        let parts: Vec<&str> = name.split('-').collect();
        let [adjective, noun, number] = parts[..] else {
            panic!("{name}")
        };
        assert!(number.len() == 3 && number.parse::<u32>().is_ok(), "{name}");
        adjectives.retain(|word| word != adjective);
        nouns.retain(|word| word != noun);
    }
    assert_eq!((adjectives, nouns), (vec![], vec![]));
}

#[test]
fn texts_that_are_no_souls_are_refused() {
    for case in cases(IDENTITY, "invalid_souls") {
        let parsed = Soul::parse(text(&case, "input"));
        if case["parse_error"].is_null() {
            let soul = parsed.unwrap();
            assert_eq!(soul.to_text(), text(&case, "reformatted"), "{case}");
            assert_eq!(
                soul.seed(),
                from_hex(&case, "seed_hex").as_slice(),
                "{case}"
            );
            assert_eq!(
                nara_id(&soul, "alice").as_str(),
                text(&case, "id_for_alice"),
                "{case}"
            );
            assert!(!soul.is_bonded_to("alice"), "{case}");
            continue;
        }
        // The reference calls the empty text no Base58; here it is zero bytes.
        let expected = match text(&case, "id_error") {
            _ if text(&case, "input").is_empty() => SoulError::Length { found: 0 },
            "failed to decode soul: invalid base58 string" => SoulError::NotBase58,
            sentence => {
                let found = sentence
                    .split(' ')
                    .find_map(|word| word.parse().ok())
                    .unwrap();
                SoulError::Length { found }
            }
        };
        assert_eq!(parsed.err(), Some(expected), "{case}");
    }
}

#[test]
fn soul_and_name_make_the_identity() {
    for case in cases(IDENTITY, "determine_identity") {
        let Ok(soul) = Soul::parse(text(&case, "soul_arg")).or_else(|error| {
            let native = truth(&case, "native");
            if native {
                Soul::parse(text(&case, "soul"))
            } else {
                Err(error)
            }
        }) else {
            assert_eq!(text(&case, "id"), "", "{case}");
            continue;
        };
        let name = text(&case, "name");
        assert_eq!(nara_id(&soul, name).as_str(), text(&case, "id"), "{case}");
        assert_eq!(
            soul.is_bonded_to(name),
            truth(&case, "valid_bond"),
            "{case}"
        );
        assert_eq!(
            Keys::new(&soul, name).is_ok(),
            truth(&case, "valid_bond"),
            "{case}"
        );
        if truth(&case, "native") {
            let fingerprint = from_hex(&case, "hw_hex");
            let chosen = Some(name).filter(|name| soul.generated_name() != *name);
            assert_eq!(
                Soul::native(&fingerprint, chosen).to_text(),
                soul.to_text(),
                "{case}"
            );
        }
    }
}

fn keys_of(case: &Value) -> Keys {
    Keys::new(
        &Soul::parse(text(case, "soul")).unwrap(),
        text(case, "owner"),
    )
    .unwrap()
}

#[test]
fn seals_are_those_of_the_network() {
    for case in cases(SEAL, "seal") {
        let keys = keys_of(&case);
        let nonce: [u8; 24] = from_hex(&case, "nonce_hex").try_into().unwrap();
        let (plaintext, sealed) = (
            from_base64(&case, "plaintext_b64"),
            from_base64(&case, "ciphertext_b64"),
        );
        assert_eq!(
            hex::encode(Sha256::digest(&sealed)),
            text(&case, "ciphertext_sha256")
        );
        assert_eq!(keys.seal(nonce, &plaintext), sealed, "{}", case["note"]);
        assert_eq!(
            keys.open(&nonce, &sealed).unwrap(),
            plaintext,
            "{}",
            case["note"]
        );
    }
}

#[test]
fn what_was_changed_or_sealed_by_another_does_not_open() {
    let owners = cases(SEAL, "seal");
    for case in cases(SEAL, "open_fails") {
        let owner = owners
            .iter()
            .find(|owner| owner["key_hex"] == case["key_hex"])
            .unwrap();
        // A nonce of another length is no nonce at all: the type refuses it.
        let nonce: Result<[u8; 24], _> = from_base64(&case, "nonce_b64").try_into();
        assert_eq!(
            nonce.is_err(),
            text(&case, "error") == "invalid nonce size",
            "{case}"
        );
        if let Ok(nonce) = nonce {
            let opened = keys_of(owner).open(&nonce, &from_base64(&case, "ciphertext_b64"));
            assert!(opened.is_err(), "{case}");
        }
    }
}
