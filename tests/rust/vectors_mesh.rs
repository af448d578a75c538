//! Mesh authentication against what the reference implementation signed and
//! what its own check said.

use crate::vectors::{cases, key, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use light_nara::base::{PublicKey, WallTime};
use light_nara::identity::{Keys, Soul};
use light_nara::mesh::{Headers, verify_request};
use serde_json::Value;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MESHAUTH: &str = include_str!("../vectors/meshauth.json");
const NOW: i64 = 1_795_227_337_074;

fn headers(case: &Value) -> Headers {
    let header = |name: &str| text(&case["headers"], name).to_owned();
    Headers {
        name: header("X-Nara-Name"),
        timestamp: header("X-Nara-Timestamp"),
        signature: header("X-Nara-Signature"),
    }
}

fn keys() -> Keys {
    let soul = Soul::from_seed([7; 32], "gopher-01");
    Keys::new(&soul, "gopher-01").unwrap()
}

fn at(millis: i64) -> WallTime {
    WallTime::from_unix_nanos(millis * 1_000_000)
}

#[test]
fn requests_that_the_reference_signed_are_taken_for_their_method_and_path_alone() {
    let crypto = keys();
    for case in cases(MESHAUTH, "requests", 15) {
        let known = [(key(&case, "public_key"), ())];
        let now = at(case["timestamp_ms"].as_i64().unwrap());
        let (method, path) = (text(&case, "method"), text(&case, "path"));
        let check = |method, path| {
            verify_request(&crypto, &headers(&case), now, method, path, known).is_ok()
        };
        assert!(check(method, path), "{case}");
        assert!(!check(method, "/other") && !check("DELETE", path));
    }
}

#[test]
fn answers_that_the_reference_signed_are_taken_for_their_body_alone() {
    let crypto = keys();
    for case in cases(MESHAUTH, "responses", 12) {
        let mut body = STANDARD.decode(text(&case, "body_b64")).unwrap();
        let key = key(&case, "public_key");
        assert!(headers(&case).prove_answer(&crypto, &body, &key), "{case}");
        body.push(b'x');
        assert!(!headers(&case).prove_answer(&crypto, &body, &key));
    }
}

#[test]
fn requests_are_refused_where_the_reference_refuses_them() {
    let keys = keys();
    for case in cases(MESHAUTH, "request_checks", 14) {
        let offset = case["offset_ms"].as_i64().unwrap_or_default();
        let (method, note) = (text(&case, "method"), text(&case, "note"));
        let signed = text(&case, "signed_path");
        let mut headers =
            Headers::of_request("gopher-01", at(NOW + offset), method, signed, |text| {
                keys.sign(text)
            });
        match note {
            "no name" => headers.name.clear(),
            "timestamp not a number" => headers.timestamp = "soon".to_owned(),
            "signature not base64" => headers.signature = "%%%".to_owned(),
            "signature empty bytes" => headers.signature.clear(),
            _ => {}
        }
        let known: Vec<(PublicKey, ())> = match note {
            "unknown sender" => Vec::new(),
            _ => vec![(keys.public_key(), ())],
        };
        // What the gateway hands over is the decoded path without its query.
        let path = text(&case, "request_path");
        let path = path.split('?').next().unwrap().replace("%20", " ");
        let result = verify_request(&keys, &headers, at(NOW), method, &path, known);
        let error = result.err().map(|error| error.as_str());
        match case["error"].as_str() {
            None => assert_eq!(error, None, "{note}"),
            // An empty signature counts as a missing header here.
            Some(_) if note == "signature empty bytes" => {
                assert_eq!(error, Some("missing auth headers"));
            }
            Some(wanted) => assert!(wanted.starts_with(error.unwrap()), "{note}: {error:?}"),
        }
    }
}
