//! The table of promises names tests that exist.
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test may expect its own sources to be there"
)]

use std::fs::{self, read_to_string};
use std::path::Path;

/// Everything that a test can be written in, as one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path
            .extension()
            .is_some_and(|one| one == "rs" || one == "js")
        {
            text.push_str(&read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&root.join("src"), &mut text);
    sources(&root.join("tests"), &mut text);
    let table = read_to_string(root.join("docs/promises.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let mut named = 0;
    for row in rows.filter(|row| !row.starts_with("| promise") && !row.starts_with("| ---")) {
        let cells: Vec<&str> = row.split('|').collect();
        let tests: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test shows: {}", cells[1]);
        for name in tests {
            let is_file = name.contains('/');
            let found = match name.rsplit("::").next() {
                _ if is_file => root.join(name).exists(),
                Some(function) if !name.contains(' ') => text.contains(&format!("fn {function}(")),
                _ => text.contains(&format!("\"{name}")),
            };
            assert!(found, "there is no test {name}");
            named += 1;
        }
    }
    assert!(named > 50, "only {named} tests are named");
}
