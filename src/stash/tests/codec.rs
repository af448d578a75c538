//! The sealed format.

use super::*;
use crate::base::{NaraId, PublicKey};
use crate::message::to_go_json;
use miniz_oxide::deflate::compress_to_vec;
use serde::Deserialize;

fn memory(data: &str) -> Memory {
    Memory {
        data: data.to_owned(),
        timestamp: 1_768_756_453,
        revision: 7,
    }
}

fn full(memory: &Memory) -> Vec<u8> {
    encode(memory, &[], Padding::Full).unwrap()
}

fn reopened(plaintext: &[u8]) -> Memory {
    decode(plaintext).unwrap().memory
}

fn holders(count: u8) -> Vec<Identity> {
    let one = |n: u8| Identity {
        id: NaraId::parse(&bs58::encode([n ^ 0x5a; 32]).into_string()).unwrap(),
        key: PublicKey(core::array::from_fn(|i| {
            (i as u8).wrapping_mul(n | 1).wrapping_add(n)
        })),
    };
    (0..count).map(one).collect()
}

#[test]
fn every_memory_has_one_length_and_comes_back() {
    for data in ["null", "{\"a\":1}", &format!("\"{}\"", "x".repeat(10_238))] {
        let plaintext = full(&memory(data));
        assert_eq!(plaintext.len() + TAG_SIZE, SEALED_SIZE);
        assert_eq!(reopened(&plaintext), memory(data));
    }
}

#[test]
fn the_data_keeps_its_own_spelling() {
    let data = "{ \"b\" : 1.0,\n \"a\":\"<\\u00f1>\" }";
    assert_eq!(reopened(&full(&memory(data))).data, data);
}

#[test]
fn raw_json_of_the_go_service_opens_too() {
    let opened = reopened(b"{\"todo\":[1,2]}");
    assert_eq!(
        opened,
        Memory {
            data: "{\"todo\":[1,2]}".into(),
            timestamp: 0,
            revision: 0
        }
    );
}

#[test]
fn what_does_not_fit_is_refused_with_the_figure() {
    let long = format!("\"{}\"", "x".repeat(10_239));
    assert_eq!(
        encode(&memory(&long), &[], Padding::Full)
            .unwrap_err()
            .to_string(),
        "the memory has 10241 bytes; at most 10240 fit"
    );
}

#[test]
fn even_noise_of_full_length_fits() {
    let mut rng = crate::base::Rng::from_seed([3; 32]);
    let printable = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    let ascii = core::iter::repeat_with(|| char::from(rng.below(128) as u8));
    let ascii: String = ascii
        .filter(|c| printable(*c))
        .take(MEMORY_SIZE_MAX - 2)
        .collect();
    let mut rng = crate::base::Rng::from_seed([4; 32]);
    let ideographs = core::iter::repeat_with(|| char::from_u32(0x4e00 + rng.below(0x5000)));
    let ideographs: String = ideographs
        .flatten()
        .take((MEMORY_SIZE_MAX - 2) / 3)
        .collect();
    for noise in [ascii, ideographs] {
        let noise = format!("\"{noise}\"");
        assert!(noise.len() > MEMORY_SIZE_MAX - 3);
        assert_eq!(
            reopened(&encode(&memory(&noise), &holders(9), Padding::Full).unwrap()).data,
            noise
        );
    }
}

#[test]
fn what_is_no_json_is_refused_with_line_and_column() {
    let error = check("{\n  \"a\": }").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the memory is not JSON: expected value at line 2 column 8"
    );
}

#[test]
fn a_bomb_stops_at_the_bound() {
    let zeros = vec![b' '; 4 << 20];
    let bomb = member(&zeros, &compress_to_vec(&zeros, 9), 0);
    assert_eq!(decode(&bomb), Err(CodecError::InflatesTooFar));
}

#[test]
fn broken_gzip_is_no_memory() {
    let good = full(&memory("[1]"));
    for cut in [0, 1, 2, 5, 11, 20, good.len() - 1] {
        assert_eq!(
            decode(&good[..cut]),
            Err(CodecError::NoMemory),
            "cut at {cut}"
        );
    }
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(decode(&changed), Err(CodecError::NoMemory));
}

#[test]
fn the_holders_are_inside_the_seal_even_beside_noise_of_full_length() {
    let mut rng = crate::base::Rng::from_seed([5; 32]);
    let noise: String = core::iter::repeat_with(|| char::from(32 + rng.below(95) as u8))
        .filter(|c| *c != '"' && *c != '\\')
        .take(MEMORY_SIZE_MAX - 2)
        .collect();
    let noise = memory(&format!("\"{noise}\""));
    let plaintext = encode(&noise, &holders(9), Padding::Full).unwrap();
    let opened = decode(&plaintext).unwrap();
    assert_eq!((opened.memory, opened.holders), (noise, holders(9)));
}

#[test]
fn a_reader_that_knows_no_holders_and_no_revision_reads_the_rest() {
    #[derive(Deserialize)]
    struct Old {
        timestamp: i64,
        data: serde_json::Value,
        version: u32,
    }
    let plaintext = encode(&memory("[1]"), &holders(3), Padding::Full).unwrap();
    let old: Old = serde_json::from_slice(&gunzip(&plaintext).unwrap()).unwrap();
    assert_eq!((old.timestamp, old.version), (1_768_756_453, 1));
    assert_eq!(old.data, serde_json::json!([1]));
}

#[test]
fn holders_that_are_none_do_not_cost_the_memory() {
    for (holders, left) in [("7", 0), ("[{\"id\":\"\",\"key\":1}]", 0), ("null", 0)] {
        let json = format!(
            "{{\"timestamp\":5,\"data\":[1],\"version\":1,\"revision\":2,\"holders\":{holders}}}"
        );
        let opened = decode(&gzip(&json, Padding::None).unwrap()).unwrap();
        assert_eq!(
            (opened.memory.data.as_str(), opened.holders.len()),
            ("[1]", left)
        );
    }
    let many: Vec<Identity> = holders(40);
    let json = format!(
        "{{\"timestamp\":5,\"data\":[1],\"version\":1,\"holders\":{}}}",
        to_go_json(&many)
    );
    let opened = decode(&gzip(&json, Padding::None).unwrap()).unwrap();
    assert_eq!(opened.holders.len(), NAMED_MAX);
}

#[test]
fn buckets_show_which_bucket_and_no_padding_shows_the_size() {
    let sizes = |padding| {
        let data = [0, 900, 2_000, 5_500, 9_000].map(|length| {
            let mut rng = crate::base::Rng::from_seed([6; 32]);
            let noise = (0..length).map(|_| char::from(b'a' + rng.below(26) as u8));
            format!("\"{}\"", noise.collect::<String>())
        });
        data.map(|data| {
            let plaintext = encode(&memory(&data), &[], padding).unwrap();
            assert_eq!(reopened(&plaintext).data, data);
            plaintext.len() + TAG_SIZE
        })
    };
    assert_eq!(sizes(Padding::Full), [SEALED_SIZE; 5]);
    assert_eq!(
        sizes(Padding::Buckets),
        [1_024, 1_024, 2_560, 5_120, 10_240]
    );
    let [empty, .., long] = sizes(Padding::None);
    assert!(
        empty < 200 && (5_500..7_000).contains(&long),
        "{empty} and {long}"
    );
}

#[test]
fn a_probe_of_a_go_nara_is_told_from_a_memory() {
    let raw = |text: &str| reopened(text.as_bytes());
    assert!(raw("{\"test\":\"probe\",\"timestamp\":1768756453}").is_probe());
    for other in [
        "{\"test\":\"other\"}",
        "{}",
        "[\"probe\"]",
        "\"probe\"",
        "null",
    ] {
        assert!(!raw(other).is_probe(), "{other}");
    }
    // The same words, written by a user.
    assert!(!memory("{\"test\":\"probe\"}").is_probe());
}
