//! The versions that a node tells of its parts are those that it was built with.

use cargo_metadata::Package;
use refuge_tests::{Node, Options};
use serde_json::json;

use crate::METADATA;

fn package(name: &str) -> &'static Package {
    let mut found = METADATA.packages.iter().filter(|package| package.name.as_str() == name);
    let one = found.next().unwrap_or_else(|| panic!("no package {name}"));
    assert!(found.next().is_none(), "several versions of {name}");
    one
}

/// As the source that is compiled in says.
fn quickjs() -> String {
    let directory = package("rquickjs-sys").manifest_path.parent().expect("a directory");
    let header = std::fs::read_to_string(directory.join("quickjs/quickjs.h")).expect("the source");
    let number = |part: &str| {
        let name = format!("#define QJS_VERSION_{part} ");
        header.lines().find_map(|line| line.strip_prefix(&name)).expect("a number").to_owned()
    };
    ["MAJOR", "MINOR", "PATCH"].map(number).join(".")
}

#[tokio::test]
async fn a_node_tells_the_versions_that_it_was_built_with() {
    let node = Node::start(Options::default());
    let told = node.client().get("/_node/_local/_versions").await.expect(200).json();
    let data = &package("icu_collator_data").metadata["sources"]["cldr"]["tagged"];
    let cldr = data.as_str().and_then(|version| version.split('.').next()).expect("a version");
    let collation = json!({
        "name": "icu_collator",
        "library_version": package("icu_collator").version.to_string(),
        "collator_version": format!("cldr-{cldr}"),
    });
    assert_eq!(told["collation_driver"], collation);
    assert_eq!(told["javascript_engine"], json!({"name": "quickjs", "version": quickjs()}));
    let engine = json!({"name": "fjall", "version": package("fjall").version.to_string()});
    assert_eq!(told["storage_engine"], engine);
}
