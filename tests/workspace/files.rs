//! Every file says what lives in it; pure crates do not reach around their arguments.

use std::fs;
use std::path::{Path, PathBuf};

use crate::top;

/// All Rust files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name =
                path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() && !matches!(name.as_str(), "node_modules" | ".venv" | "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_file_begins_with_what_it_is() {
    let mut seen = 0;
    for folder in ["src", "actors", "supervisors", "tests"] {
        for file in files(&top().join(folder)) {
            let text = fs::read_to_string(&file).expect("text");
            let head = text.lines().next().unwrap_or_default();
            assert!(
                head.starts_with("//! ") && head.len() > 15,
                "{} says not what it is",
                file.display()
            );
            assert!(!head.contains("Placeholder"), "{} is a placeholder", file.display());
            assert_ne!(
                file.file_name().and_then(|name| name.to_str()),
                Some("mod.rs"),
                "{}",
                file.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} files");
}

#[test]
fn pure_crates_take_time_and_chance_as_arguments() {
    let acting = [
        "SystemTime::now",
        "Instant::now",
        "now_utc",
        "now_local",
        "local_offset",
        "std::fs",
        // Addresses are values; sockets are not.
        "std::net::{",
        "std::net::Tcp",
        "std::net::Udp",
        "std::thread",
        "std::env",
        "tokio::",
        "rand::",
    ];
    for folder in ["src/document/src", "src/mesh/src", "src/replication/src"] {
        for file in files(&top().join(folder)) {
            let text = fs::read_to_string(&file).expect("text");
            let built = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = built.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let found = acting.iter().find(|word| line.contains(**word));
                assert_eq!(found, None, "{}: {line}", file.display());
            }
        }
    }
}
