//! The direction of dependencies, and one owner for each outside crate that has one.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Package};

use crate::METADATA;

/// Each crate of ours with those of ours that it may know. What is not listed, it must not know.
const DIRECTION: &[(&str, &[&str])] = &[
    // Nothing at all in a release build.
    ("refuge-failpoints", &[]),
    ("refuge-document", &[]),
    ("refuge-mesh", &[]),
    ("refuge-query", &["refuge-document"]),
    ("refuge-sandbox", &[]),
    ("refuge-replication", &["refuge-document", "refuge-mesh", "refuge-query"]),
    ("refuge-storage", &["refuge-document", "refuge-failpoints", "refuge-query"]),
    ("refuge-packing", &[]),
    ("refuge-http", &["refuge-document", "refuge-mesh", "refuge-packing", "refuge-query"]),
    ("refuge-identity", &["refuge-mesh"]),
    (
        "refuge-client",
        &[
            "refuge-document",
            "refuge-mesh",
            "refuge-packing",
            "refuge-replication",
            "refuge-identity",
        ],
    ),
    ("refuge-discovery", &["refuge-mesh"]),
    ("refuge-config", &["refuge-failpoints", "refuge-mesh"]),
    ("refuge-console", &["refuge-mesh"]),
    ("refuge-otp", &[]),
    (
        "refuge-actors",
        &[
            "refuge-client",
            "refuge-config",
            "refuge-console",
            "refuge-discovery",
            "refuge-document",
            "refuge-failpoints",
            "refuge-http",
            "refuge-identity",
            "refuge-mesh",
            "refuge-otp",
            "refuge-query",
            "refuge-replication",
            "refuge-sandbox",
            "refuge-storage",
        ],
    ),
    ("refuge-supervisors", &["refuge-actors", "refuge-config", "refuge-mesh", "refuge-otp"]),
    // It checks the data of a node that does not run, and packs backups.
    (
        "refuge",
        &[
            "refuge-config",
            "refuge-console",
            "refuge-packing",
            "refuge-storage",
            "refuge-supervisors",
        ],
    ),
    // Black-box tests compare the live tree with the specifications, and one of them is a hub that lies; the
    // benchmark dials as a node does.
    (
        "refuge-tests",
        &[
            "refuge-config",
            "refuge-failpoints",
            "refuge-identity",
            "refuge-otp",
            "refuge-packing",
            "refuge-supervisors",
        ],
    ),
    ("refuge-benchmark", &["refuge-identity", "refuge-mesh"]),
];

/// Crates that take time, randomness, files and I/O as arguments.
const PURE: &[&str] = &["refuge-document", "refuge-mesh", "refuge-query", "refuge-replication"];

/// What a pure crate must not even name.
const IMPURE: &[&str] = &[
    "tokio",
    "rand",
    "getrandom",
    "fastrand",
    "uuid",
    "chrono",
    "hyper",
    "hyper-util",
    "reqwest",
    "ractor",
    "fjall",
    "openssl",
    "rustix",
    "libc",
    "tempfile",
    "tracing",
    "metrics",
    "async-trait",
];

/// Outside crates that have an owner, with the crates of ours that may name them.
const OWNERS: &[(&str, &[&str])] = &[
    ("fjall", &["refuge-storage"]),
    ("lsm-tree", &["refuge-storage"]),
    ("openssl", &["refuge-identity"]),
    ("openssl-sys", &["refuge-identity"]),
    ("tokio-openssl", &["refuge-identity"]),
    ("argon2", &["refuge-identity"]),
    ("ractor", &["refuge-otp", "refuge-actors", "refuge-supervisors"]),
    ("rquickjs", &["refuge-sandbox"]),
    ("zstd", &["refuge-packing"]),
    ("indicatif", &["refuge"]),
    ("ratatui", &["refuge-console"]),
    ("rustyline", &["refuge-console"]),
    ("async-dnssd", &["refuge-discovery"]),
    ("mdns-sd", &["refuge-discovery"]),
    ("mainline", &["refuge-discovery"]),
    ("igd-next", &["refuge-discovery"]),
    // Another supervisor than our own, and JSON that changes documents.
    ("ractor-supervisor", &[]),
    ("simd-json", &[]),
    ("sonic-rs", &[]),
];

fn ours() -> Vec<&'static Package> {
    METADATA.workspace_packages()
}

/// What it depends on outside of its own tests.
fn dependencies(package: &Package) -> BTreeSet<&str> {
    let built = package.dependencies.iter().filter(|one| one.kind != DependencyKind::Development);
    built.map(|one| one.name.as_str()).collect()
}

#[test]
fn every_crate_is_in_the_table() {
    let listed: BTreeSet<_> = DIRECTION.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<_> = ours().iter().map(|package| package.name.as_str()).collect();
    assert_eq!(found, listed);
}

#[test]
fn dependencies_point_one_way() {
    for package in ours() {
        let (_, allowed) =
            DIRECTION.iter().find(|(name, _)| *name == package.name.as_str()).expect("listed");
        for dependency in
            dependencies(package).into_iter().filter(|name| name.starts_with("refuge"))
        {
            assert!(allowed.contains(&dependency), "{} must not know {dependency}", package.name);
        }
        // Its own tests may not turn the direction round either.
        for dependency in package.dependencies.iter().filter(|one| one.name.starts_with("refuge")) {
            assert!(
                allowed.contains(&dependency.name.as_str()),
                "{} tests with {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn nothing_is_inherited_backwards() {
    // The table itself has no cycle: every crate stands after all that it knows.
    let place =
        |name: &str| DIRECTION.iter().position(|(listed, _)| *listed == name).expect("listed");
    for (name, allowed) in DIRECTION {
        for known in *allowed {
            assert!(place(known) < place(name), "{name} stands before {known}");
        }
    }
}

#[test]
fn pure_crates_name_nothing_that_acts() {
    for package in ours().into_iter().filter(|package| PURE.contains(&package.name.as_str())) {
        for dependency in dependencies(package) {
            assert!(!IMPURE.contains(&dependency), "{} must not know {dependency}", package.name);
        }
    }
}

#[test]
fn outside_crates_have_one_owner() {
    for package in ours() {
        for dependency in dependencies(package) {
            if let Some((_, owners)) = OWNERS.iter().find(|(name, _)| *name == dependency) {
                assert!(
                    owners.contains(&package.name.as_str()),
                    "{} must not know {dependency}",
                    package.name
                );
            }
        }
    }
}

#[test]
fn json_keeps_documents_as_they_are() {
    let resolved = METADATA.resolve.as_ref().expect("a resolved tree");
    let json = METADATA.packages.iter().filter(|package| package.name.as_str() == "serde_json");
    let mut seen = 0;
    for package in json {
        let node = resolved.nodes.iter().find(|node| node.id == package.id).expect("in the tree");
        for feature in ["raw_value", "arbitrary_precision"] {
            let on = node.features.iter().any(|name| name.as_str() == feature);
            assert!(
                !on,
                "serde_json's {feature} is switched on: documents with its private keys would change"
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 1, "one serde_json");
}

#[test]
fn a_panic_stays_an_exit_that_a_supervisor_sees() {
    let manifest = std::fs::read_to_string(crate::top().join("Cargo.toml")).expect("Cargo.toml");
    let aborts = manifest
        .lines()
        .any(|line| line.trim_start().starts_with("panic") && line.contains("abort"));
    assert!(!aborts);
}
