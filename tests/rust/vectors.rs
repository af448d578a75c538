//! The vectors, read case by case.

use light_nara::base::PublicKey;
use light_nara::identity::{Keys, Soul};
use serde_json::Value;

/// One section of a file.
pub(crate) fn section(file: &str, name: &str) -> Value {
    let mut vectors: Value = serde_json::from_str(file).unwrap();
    vectors[name].take()
}

/// The cases of one section, which must be as many as were made.
pub(crate) fn cases(file: &str, name: &str, count: usize) -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_value(section(file, name)).unwrap();
    assert_eq!(cases.len(), count, "cases in {name}");
    cases
}

pub(crate) fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {case}"))
}

pub(crate) fn truth(case: &Value, field: &str) -> bool {
    case[field]
        .as_bool()
        .unwrap_or_else(|| panic!("no truth {field} in {case}"))
}

/// A public key in Base64.
pub(crate) fn key(case: &Value, field: &str) -> PublicKey {
    PublicKey::parse(text(case, field)).unwrap()
}

/// The keys of a person of the vectors, by name.
pub(crate) fn keys(file: &str, name: &str) -> Keys {
    let people = section(file, "people");
    let listed = people.as_array().into_iter().flatten();
    let named = people
        .as_object()
        .into_iter()
        .flat_map(|people| people.values());
    let person = listed
        .chain(named)
        .find(|person| text(person, "name") == name)
        .unwrap();
    Keys::new(&Soul::parse(text(person, "soul")).unwrap(), name).unwrap()
}
