//! Configuration: files of TOML, and values set one by one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_config::{KEYS, Sources, load};

fuzz_target!(|input: (&str, u8, &str)| {
    let (file, key, value) = input;
    let root = tempfile::tempdir().expect("a temporary folder");
    let path = root.path().join("given.toml");
    std::fs::write(&path, file).expect("a file");
    let _ = load(&Sources {
        root: root.path().to_owned(),
        files: vec![path],
        ..Sources::default()
    });
    let key = &KEYS[usize::from(key) % KEYS.len()];
    let set = format!("{}={value}", key.path());
    if let Ok(settings) = load(&Sources {
        root: root.path().to_owned(),
        overrides: vec![set],
        ..Sources::default()
    }) {
        assert!(!key.value_text(&settings).is_empty());
    }
});
