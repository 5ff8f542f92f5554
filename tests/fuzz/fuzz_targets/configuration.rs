//! Configuration: files of TOML, and values set one by one. The first line is such a value,
//! `section.name=value`; the rest is a file.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use refuge_config::{KEYS, Settings, Sources, load};

/// A folder of this run, as no root of a node is.
static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

fuzz_target!(|text: &str| {
    let (value, file) = text.split_once('\n').unwrap_or((text, ""));
    let path = FOLDER.path().join("given.toml");
    std::fs::write(&path, file).expect("a file");
    if let Some(settings) = settings(vec![path], Vec::new()) {
        shown_values_are_taken(&settings);
    }
    if let Some(settings) = settings(Vec::new(), vec![value.to_owned()]) {
        shown_values_are_taken(&settings);
    }
});

fn settings(files: Vec<PathBuf>, overrides: Vec<String>) -> Option<Settings> {
    let root = FOLDER.path().join("root");
    load(&Sources { root, files, overrides, ..Sources::default() }).ok()
}

/// What the settings show for a key that was given a value is the same when it is set.
fn shown_values_are_taken(settings: &Settings) {
    let given: Vec<_> =
        KEYS.iter().filter(|key| settings.origin(key.section, key.name).is_some()).collect();
    let values = given.iter().map(|key| format!("{}={}", key.path(), key.plain_text(settings)));
    let admins = settings.admins.keys().map(|name| format!("admins.{name}=secret"));
    let overrides = admins.chain(values).collect();
    let again = self::settings(Vec::new(), overrides).expect("values that were shown");
    for key in given {
        assert_eq!(key.value_text(settings), key.value_text(&again), "{}", key.path());
    }
}
