//! The release where it was not built: in an older Debian, whose C library is the oldest that it is to run on.

use std::path::PathBuf;

use refuge_tests::Release;
use serde_json::json;

/// The folder that `release/older-system` makes.
fn system() -> PathBuf {
    let folder = std::env::var_os("REFUGE_OLDER_SYSTEM")
        .expect("make release-test sets REFUGE_OLDER_SYSTEM");
    let folder = PathBuf::from(folder);
    assert!(folder.join("etc/debian_version").is_file(), "{} is no Debian", folder.display());
    folder
}

#[tokio::test]
#[ignore = "enters another system, as root: make release-test"]
async fn an_older_debian_runs_a_node_from_start_to_stop() {
    let release = Release::unpack_in(&system());
    let client = Release::client(release.start());
    assert_eq!(release.well(&["ping"]), "pong\n");
    client.put_nothing("/cities").await.expect(201);
    client.put("/cities/paris", json!({"country": "FR"})).await.expect(201);
    let design = json!({"views": {"countries": {
        "map": "function (city) { emit(city.country, 1) }", "reduce": "_sum",
    }}});
    client.put("/cities/_design/by", design).await.expect(201);
    let rows = client.get("/cities/_design/by/_view/countries").await.json();
    assert_eq!(rows["rows"], json!([{"key": null, "value": 1}]));
    release.kill_hard();
    let client = Release::client(release.start());
    assert_eq!(client.get("/cities/paris").await.json()["country"], "FR");
    assert!(release.well(&["eval", "dbs"]).contains("cities"));
    release.well(&["stop"]);
    release.well(&["check"]);
}
