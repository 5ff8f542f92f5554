//! What lies in `share`: shells and `man` read it.

use std::process::Command;

use refuge_tests::Release;
use serde_json::Value;

fn told(program: &str, arguments: &[&str]) -> String {
    let told = Command::new(program)
        .args(arguments)
        .env("MANWIDTH", "80")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success() && errors.is_empty(), "{program} {arguments:?}: {errors}");
    String::from_utf8_lossy(&told.stdout).into_owned()
}

#[test]
fn man_shows_every_verb() {
    let release = Release::unpack();
    let page = release.root().join("share/man/man1/refuge.1");
    let shown = told("man", &["--warnings", "-l", page.to_str().unwrap()]);
    for verb in ["foreground", "start", "remote_console", "eval", "completions"] {
        assert!(shown.contains(&format!("refuge {verb}")), "{verb} is not in the manual");
    }
}

#[test]
fn shells_complete_verbs() {
    let release = Release::unpack();
    let file = release.root().join("share/completions/refuge.bash");
    let script = format!(
        "source {}; COMP_WORDS=(refuge rem); COMP_CWORD=1; _refuge refuge rem refuge; echo ${{COMPREPLY[@]}}",
        file.display()
    );
    assert_eq!(told("bash", &["-c", &script]).trim(), "remote_console");
}

#[tokio::test]
async fn the_dashboard_asks_for_what_a_node_counts() {
    let release = Release::unpack();
    let client = Release::client(release.start());
    client.put_nothing("/cities").await.expect(201);
    client.put("/cities/paris", serde_json::json!({})).await.expect(201);
    let file = std::fs::read(release.root().join("share/grafana/refuge.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&file).unwrap();
    let told: Value = serde_json::from_str(&release.well(&["rpc", "stats"])).unwrap();
    let counted: Vec<&str> = told["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["name"].as_str()?.split('{').next())
        .collect();
    let mut seen = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let question = target["expr"].as_str().unwrap();
            let names = question.split(|one: char| !(one.is_ascii_alphanumeric() || one == '_'));
            for name in names.filter(|word| word.starts_with("refuge_")) {
                let name = name.replace("_bucket", "_count");
                assert!(counted.contains(&name.as_str()), "nobody counts {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 8);
}
