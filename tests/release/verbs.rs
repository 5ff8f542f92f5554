//! The verbs of a release's command line.

use refuge_tests::Release;
use serde_json::{Value, json};

#[test]
fn a_release_has_the_places_of_an_erlang_release() {
    let release = Release::unpack();
    let root = release.root();
    let version = release.well(&["--version"]).trim().strip_prefix("refuge ").unwrap().to_owned();
    let start = std::fs::read_to_string(root.join("releases/start_erl.data")).unwrap();
    let words: Vec<&str> = start.split_whitespace().collect();
    assert_eq!((words.len(), words[1]), (2, version.as_str()));
    for file in [
        "bin/refuge",
        &format!("releases/{version}/refuge"),
        "etc/refuge.toml",
        "etc/hooks/README.md",
        "etc/hooks/started.d/10-log.example",
        "share/systemd/refuge.service",
        "share/launchd/refuge.plist",
        "share/grafana/refuge.json",
        "share/man/man1/refuge.1",
        "share/completions/refuge.bash",
    ] {
        assert!(root.join(file).is_file(), "{file}");
    }
    for folder in ["var/data", "var/log", "var/run"] {
        assert!(root.join(folder).is_dir(), "{folder}");
    }
}

#[tokio::test]
async fn a_node_lives_in_the_background_from_start_to_stop() {
    let release = Release::unpack();
    let down = release.refuge(&["ping"]);
    assert_eq!(down.code, Some(69), "{}", down.errors);
    assert!(down.errors.contains("start it"), "{}", down.errors);

    let address = release.start();
    assert_eq!(release.well(&["ping"]), "pong\n");
    let process = release.process().unwrap();
    assert!(Release::lives(process));
    let client = Release::client(address);
    client.put_nothing("/cities").await.expect(201);
    let version = release.well(&["--version"]).trim().strip_prefix("refuge ").unwrap().to_owned();
    let told = client.get("/").await.json();
    assert_eq!(told["vendor"]["version"], version.as_str());
    let status = release.well(&["status"]);
    assert!(status.contains(&address.to_string()) && status.contains("up"), "{status}");
    assert!(release.well(&["eval", "dbs"]).contains("cities"));
    let told: Value = serde_json::from_str(&release.well(&["rpc", "db", "cities"])).unwrap();
    assert_eq!((&told["name"], &told["documents"]), (&json!("cities"), &json!(0)));
    let mark = format!("{version}  permanent,running\n");
    assert_eq!(release.well(&["versions"]), mark);

    let second = release.refuge(&["start"]);
    assert_eq!(second.code, Some(69), "{}", second.errors);
    assert!(second.errors.contains("refuge stop"), "{}", second.errors);

    assert_eq!(release.well(&["restart"]), "");
    assert_eq!(release.process(), Some(process), "the process stays");
    // Anew: kept connections ended with what served them.
    Release::client(address).get("/cities").await.expect(200);

    assert_eq!(release.well(&["stop"]), "");
    assert!(!Release::lives(process), "stop waits for the end");
    assert_eq!(release.refuge(&["stop"]).code, Some(69));
    assert_eq!(release.well(&["check"]).lines().count(), 1);
}

#[tokio::test]
async fn a_node_that_was_killed_with_its_group_starts_again() {
    let release = Release::unpack();
    let client = Release::client(release.start());
    client.put_nothing("/cities").await.expect(201);
    client.put("/cities/paris", json!({"country": "FR"})).await.expect(201);
    release.kill_hard();
    let client = Release::client(release.start());
    assert_eq!(client.get("/cities/paris").await.json()["country"], "FR");
    release.well(&["stop"]);
}

#[test]
fn a_node_that_does_not_start_says_why_and_ends_as_foreground_does() {
    let release = Release::unpack().set("http.prot=1");
    let told = release.refuge(&["start"]);
    assert_eq!(told.code, Some(78), "{}", told.errors);
    assert!(told.errors.contains("http.port"), "{}", told.errors);
    let told = release.refuge(&["tere"]);
    assert_eq!(told.code, Some(64));
    assert!(told.errors.contains("tree"), "{}", told.errors);
}

#[test]
fn one_binary_is_two_versions() {
    let release = Release::unpack();
    release.add_version("9.9.9");
    assert_eq!(release.well(&["--version"]), "refuge 9.9.9\n");
    release.start();
    let told = release.well(&["versions"]);
    assert!(told.lines().any(|line| line == "9.9.9  permanent,running"), "{told}");
    assert_eq!(told.lines().count(), 2);
    release.well(&["stop"]);
    std::fs::write(release.root().join("releases/start_erl.data"), "0.1.0 8.8.8\n").unwrap();
    let told = release.refuge(&["ping"]);
    assert_eq!(told.code, Some(78));
    assert!(told.errors.contains("8.8.8"), "{}", told.errors);
}
