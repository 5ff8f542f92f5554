//! Scripts in `etc/hooks` hear of each event once.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use refuge_tests::{Certificate, Node, Options, befriend, eventually};
use serde_json::Value;
use tempfile::TempDir;

/// No hook runs longer.
const HOOK_LIMIT: Duration = Duration::from_secs(30);

fn root() -> Arc<TempDir> {
    Arc::new(tempfile::Builder::new().prefix("refuge-").tempdir().unwrap())
}

/// Puts a script there; the file that it may write, as `$OUT`.
fn hook(root: &Path, event: &str, name: &str, mode: u32, script: &str) -> PathBuf {
    let folder = root.join(format!("etc/hooks/{event}.d"));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    let out = root.join("told");
    fs::write(&file, format!("#!/bin/sh\nOUT='{}'\n{script}\n", out.display())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    out
}

/// A line for each event: its kind, what the environment says, and the event itself.
const TELL: &str = r#"printf '%s %s %s %s\n' "$REFUGE_EVENT" "$REFUGE_NODE_NAME" "$REFUGE_NODE_ID" "$(cat)" >> "$OUT""#;

fn told(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

async fn comes(what: &str, file: &Path, lines: usize) -> Vec<String> {
    eventually(what, || async {
        let told = told(file);
        (told.len() >= lines).then_some(told)
    })
    .await
}

#[tokio::test]
async fn a_hooks_file_shows_each_event_once() {
    let root = root();
    for event in ["nodeup", "nodedown"] {
        hook(root.path(), event, "10-tell", 0o755, TELL);
    }
    let file = root.path().join("told");
    let one = Node::start_under(root, Options::mesh());
    let mut two = Node::start(Options::mesh());
    befriend(&one, &two).await;
    two.kill_hard();
    one.sees("two", false).await;
    two.restart();
    one.sees("two", true).await;
    let lines = comes("three events were told", &file, 3).await;
    let kinds: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["nodeup", "nodedown", "nodeup"]);
    let mut seen = BTreeMap::new();
    for line in &lines {
        let mut words = line.splitn(4, ' ');
        let kind = words.next().unwrap();
        assert_eq!(words.next(), Some("two"));
        let id = words.next().unwrap().to_owned();
        let event: Value = serde_json::from_str(words.next().unwrap()).expect("one JSON object");
        assert_eq!((&event["event"], &event["node"]), (&kind.into(), &id.into()));
        *seen.entry(event["seq"].as_u64().unwrap()).or_insert(0) += 1;
    }
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    let events = one.client().get("/_mesh/events").await.expect(200).json();
    for event in events["results"].as_array().unwrap() {
        let up_or_down = event["event"] == "nodeup" || event["event"] == "nodedown";
        assert_eq!(seen.contains_key(&event["seq"].as_u64().unwrap()), up_or_down, "{event}");
    }
}

/// An example that ships, made active; `change` is what its user would change in it.
fn example(root: &Path, name: &str, change: impl Fn(String) -> String) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/hooks/nodeup.d");
    let text = fs::read_to_string(shipped.join(format!("{name}.example"))).expect("an example");
    let folder = root.join("etc/hooks/nodeup.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), change(text)).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn the_example_that_tells_the_desktop_says_who_is_there() {
    let root = root();
    example(root.path(), "20-notify", |text| text);
    let out = root.path().join("told");
    let programs = root.path().join("programs");
    fs::create_dir_all(&programs).unwrap();
    let desktop = format!("#!/bin/sh\nprintf '%s|' \"$@\" >> '{}'\n", out.display());
    fs::write(programs.join("notify-send"), desktop).unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(programs.join("notify-send"), executable).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let one = Node::start_under(root, Options::mesh().environment("PATH", &path));
    let two = Node::start(Options::mesh());
    befriend(&one, &two).await;
    let lines = comes("the desktop was told", &out, 1).await;
    assert_eq!(lines, ["--app-name=refuge|--|refuge|two is here|"]);
}

#[tokio::test]
async fn the_example_that_copies_a_database_to_a_friend_does_so_when_he_comes_up() {
    let root = root();
    example(root.path(), "30-backup", |text| text.replace("friend=bob", "friend=two"));
    let programs = refuge_tests::program();
    let programs = programs.parent().expect("a folder").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let one = Node::start_under(root, Options::mesh().environment("PATH", &path));
    let two = Node::start(Options::mesh());
    let (here, there) = (one.client(), two.client());
    here.put_nothing("/cities").await.expect(201);
    here.put("/cities/ZRH", serde_json::json!({"name": "Zurich"})).await.expect(201);
    there.put_nothing("/cities-of-anna").await.expect(201);
    refuge_tests::share(&there, "cities-of-anna", "family").await;
    befriend(&one, &two).await;
    eventually("the copy is there", || async {
        (there.get("/cities-of-anna/ZRH").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn hooks_run_in_order_and_alone() {
    let root = root();
    let out =
        hook(root.path(), "trusted", "20-second", 0o755, r#"echo second >> "$OUT"; echo said"#);
    hook(
        root.path(),
        "trusted",
        "10-first",
        0o755,
        r#"echo "first $(env | grep -c SECRET)" >> "$OUT"; exit 3"#,
    );
    hook(root.path(), "trusted", "30-no-program", 0o644, r#"echo third >> "$OUT""#);
    hook(root.path(), "trusted", "40-open", 0o777, r#"echo fourth >> "$OUT""#);
    let options = Options::mesh().environment("SECRET", "of the node");
    let node = Node::start_under(root, options);
    node.peer(&["add", &Certificate::rsa(2048).node_id(), "--name", "x"]).await;
    let runs = eventually("the hooks have run", || async {
        let told = node.console().command("hooks", &[]).await.unwrap()["ok"].clone();
        let runs = told["runs"].as_array().unwrap().clone();
        let ran = |name: &str| runs.iter().any(|run| run["hook"].as_str().unwrap().ends_with(name));
        (ran("10-first") && ran("20-second") && ran("40-open")).then_some(runs)
    })
    .await;
    assert_eq!(told(&out), ["first 0", "second"]);
    let of =
        |name: &str| runs.iter().find(|run| run["hook"].as_str().unwrap().ends_with(name)).unwrap();
    assert_eq!(of("10-first")["status"], 3);
    assert_eq!(of("20-second")["output"].as_str().map(str::trim), Some("said"));
    let shown = node.refuge(&["hooks"]);
    assert_eq!(shown.code, Some(0), "{}", shown.errors);
    for word in ["trusted.d/20-second", "exit 3", "said"] {
        assert!(shown.output.contains(word), "{word} is not in {}", shown.output);
    }
}

#[tokio::test]
async fn a_hook_that_hangs_is_killed_and_holds_no_other_node_up() {
    let root = root();
    let hang = r#"[ "$REFUGE_NODE_NAME" != one ] || sleep 1000 & wait"#;
    hook(root.path(), "trusted", "10-hang", 0o755, hang);
    let out = hook(root.path(), "revoked", "10-tell", 0o755, TELL);
    let node = Node::start_under(root, Options::mesh());
    let ids = ["one", "two"].map(|name| (name, Certificate::rsa(2048).node_id()));
    let begun = Instant::now();
    for (name, id) in &ids {
        node.peer(&["add", id, "--name", name]).await;
    }
    node.peer(&["block", "one"]).await;
    node.peer(&["block", "two"]).await;
    let lines = comes("the other node's event was told", &out, 1).await;
    assert!(lines[0].starts_with("revoked two "), "{lines:?}");
    assert!(begun.elapsed() < HOOK_LIMIT, "{:?}", begun.elapsed());
    // Events of one node come in their order: this one waits until the hook before it is killed.
    let lines = comes("the first node's event was told", &out, 2).await;
    assert!(lines[1].starts_with("revoked one "), "{lines:?}");
    assert!(begun.elapsed() >= HOOK_LIMIT, "{:?}", begun.elapsed());
}
