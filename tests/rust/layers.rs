//! The import rule: a module imports its own folder and lower layers only, and
//! folders of one layer never import each other, except where that is said.

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first. Modules of one line may not import each other.
const LAYERS: [&[&str]; 8] = [
    &["base"],
    &["identity", "plaza"],
    &["message", "neighbourhood"],
    &["mesh", "runtime"],
    &["clock", "presence", "stash"],
    &["nara"],
    &["bench"],
    &["wasm"],
];

/// Above these nobody but the composing nara may name the plaza: services
/// reach others through the runtime alone.
const PLAZA_USERS: [&str; 4] = ["plaza", "nara", "bench", "wasm"];

#[test]
fn no_module_imports_a_higher_layer_or_its_neighbour() {
    let mut breaches = Vec::new();
    let mut imports = 0;
    for file in sources(Path::new("src")) {
        let module = module_of(&file);
        let Some(layer) = layer_of(&module) else {
            continue;
        };
        let text = fs::read_to_string(&file).expect("a source file can be read");
        for (number, line) in text.lines().enumerate() {
            for imported in imported_modules(line) {
                imports += 1;
                let allowed = imported == module
                    || (layer_of(&imported).is_some_and(|other| other < layer)
                        && (imported != "plaza" || PLAZA_USERS.contains(&module.as_str())));
                if !allowed {
                    let place = format!("{}:{}", file.display(), number + 1);
                    breaches.push(format!("{place}: {module} imports {imported}"));
                }
            }
        }
    }
    assert!(
        imports > 50,
        "only {imports} imports were seen; is the test blind?"
    );
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    let lib = fs::read_to_string("src/lib.rs").expect("lib.rs can be read");
    let modules = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let homeless: Vec<&str> = modules
        .filter(|module| layer_of(module).is_none())
        .collect();
    assert!(homeless.is_empty(), "{homeless:?}");
}

/// B-trees were 150 kB of the module once, and the library's sorts 25 kB. What
/// prints for debugging is 6 kB, so the build takes it out of the module
/// (scripts/sections.js): it would trap.
#[test]
fn the_core_has_no_b_trees_no_sorts_of_the_library_and_prints_nothing_for_debugging() {
    const BANNED: [&str; 7] = [
        "BTreeMap",
        "BTreeSet",
        ".sort()",
        ".sort_by",
        ".sort_unstable",
        "BinaryHeap",
        "?}",
    ];
    let mut found = Vec::new();
    for file in sources(Path::new("src")) {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        let is_test =
            |part: &str| part == "tests" || part.starts_with("tests_") || part == "tests.rs";
        if file.iter().any(|part| is_test(&part.to_string_lossy())) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            if BANNED.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}: {line}", file.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix("src").expect("the file is below src");
    let first = inside
        .components()
        .next()
        .expect("the path has a first part");
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// Every module of this crate that a line names, in a `use` or in a path.
fn imported_modules(line: &str) -> Vec<String> {
    if line.trim_start().starts_with("//") {
        return Vec::new();
    }
    let paths = line.split("crate::").skip(1);
    paths
        .map(|path| {
            path.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}
