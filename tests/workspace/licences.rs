//! What may be built in: every dependency's licence is one of a few.

use crate::METADATA;

/// Licences that ask for no more than to be named (LLVM's exception takes conditions away).
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "BSL-1.0",
    "CC0-1.0",
    "Unlicense",
    "CDLA-Permissive-2.0",
];

/// Whether an SPDX expression can be satisfied with allowed licences alone.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut place = 0;
    let allowed = any(&words, &mut place);
    assert_eq!(place, words.len(), "{expression:?} is no licence expression");
    allowed
}

fn any(words: &[&str], place: &mut usize) -> bool {
    let mut allowed = all(words, place);
    while words.get(*place) == Some(&"OR") {
        *place += 1;
        allowed |= all(words, place);
    }
    allowed
}

fn all(words: &[&str], place: &mut usize) -> bool {
    let mut allowed = one(words, place);
    while words.get(*place) == Some(&"AND") {
        *place += 1;
        allowed &= one(words, place);
    }
    allowed
}

fn one(words: &[&str], place: &mut usize) -> bool {
    let word = words[*place];
    *place += 1;
    if word == "(" {
        let allowed = any(words, place);
        assert_eq!(words.get(*place), Some(&")"));
        *place += 1;
        return allowed;
    }
    if words.get(*place) == Some(&"WITH") {
        let name = format!("{word} WITH {}", words[*place + 1]);
        *place += 2;
        return ALLOWED.contains(&name.as_str());
    }
    ALLOWED.contains(&word)
}

#[test]
fn expressions_are_read_as_spdx_says() {
    assert!(is_allowed("MIT OR Apache-2.0"));
    assert!(is_allowed("MIT/Apache-2.0"));
    assert!(is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0"));
    assert!(is_allowed("Apache-2.0 WITH LLVM-exception OR MPL-2.0"));
    assert!(!is_allowed("MIT AND GPL-3.0"));
    assert!(!is_allowed("MPL-2.0"));
    assert!(!is_allowed("(MIT AND MPL-2.0) OR AGPL-3.0"));
}

#[test]
fn every_dependency_may_be_built_in() {
    for package in &METADATA.packages {
        let licence = package
            .license
            .as_deref()
            .unwrap_or_else(|| panic!("{} names no licence", package.name));
        assert!(is_allowed(licence), "{} {} is {licence}", package.name, package.version);
    }
}

#[test]
fn ours_is_apache() {
    for package in METADATA.workspace_packages() {
        assert_eq!(package.license.as_deref(), Some("Apache-2.0"), "{}", package.name);
    }
}
