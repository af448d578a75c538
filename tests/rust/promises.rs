//! The tables of promises and of attacks name tests that exist.

use std::fs::{self, read_to_string};
use std::path::Path;

/// Everything that a test can be written in: names without endings, and texts.
fn sources(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path
            .extension()
            .is_some_and(|one| one == "rs" || one == "js")
        {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.push((name, read_to_string(path).unwrap()));
        }
    }
}

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources_of = Vec::new();
    sources(&root.join("src"), &mut sources_of);
    sources(&root.join("tests"), &mut sources_of);
    // Where a module is named, the test is in its file.
    let is_there = |module: Option<&str>, text: &str| {
        let mut files = sources_of.iter();
        files.any(|(name, has)| module.is_none_or(|module| module == name) && has.contains(text))
    };
    let tables = [
        "docs/promises.md",
        "docs/security-matrix.md",
        "docs/interoperability.md",
    ];
    let tables = tables.map(|path| read_to_string(root.join(path)).unwrap());
    let reliability = read_to_string(root.join("docs/reliability.md")).unwrap();
    let (_, browser) = reliability
        .split_once("## More than one machine, and the browser")
        .unwrap();
    let rows = tables.iter().flat_map(|table| table.lines());
    let rows = rows.chain(browser.lines());
    let rows = rows.filter(|line| line.starts_with("| "));
    let is_head = |row: &&str| {
        ["| promise", "| attack", "| suite", "| ---"]
            .iter()
            .any(|one| row.starts_with(one))
    };
    let package = read_to_string(root.join("package.json")).unwrap();
    let mut named = 0;
    for row in rows.filter(|row| !is_head(row)) {
        let cells: Vec<&str> = row.split('|').collect();
        let tests = cells[cells.len() - 2];
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test shows: {}", cells[1]);
        for name in tests {
            let is_file = name.contains('/');
            let script = name.strip_prefix("npm run ");
            let mut parts = name.rsplit("::");
            let found = match parts.next() {
                _ if script.is_some_and(|name| package.contains(&format!("\"{name}\": \""))) => {
                    true
                }
                _ if is_file => root.join(name).exists(),
                Some(function) if !name.contains(' ') => {
                    is_there(parts.next(), &format!("fn {function}("))
                }
                _ => is_there(None, &format!("\"{name}")),
            };
            assert!(found, "there is no test {name}");
            named += 1;
        }
    }
    assert!(named > 50, "only {named} tests are named");
    let mut files = 0;
    for word in reliability.split(|c: char| c.is_whitespace() || "`();,:".contains(c)) {
        if word.starts_with("tests/") || word.starts_with("src/") {
            let path = word.trim_end_matches('.');
            assert!(root.join(path).exists(), "there is no file {path}");
            files += 1;
        }
    }
    assert!(files > 5, "only {files} files are named");
}
