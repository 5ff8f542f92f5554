//! The prompt of the console, and what a line that is wrong is told.

use refuge_tests::Release;

#[test]
fn a_prompt_attaches_to_a_running_node_and_leaves_it_running() {
    let release = Release::unpack();
    release.start();
    let typed = "tree\nkill nobody\nhelp kill\ntere\nevents\nquit\n";
    let told = release.refuge_with(&["remote_console"], typed);
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    for piece in [
        "├─ kernel",
        "no actor is called \"nobody\"",
        "end one actor at once",
        "did you mean tree?",
        "started",
    ] {
        assert!(told.output.contains(piece), "{piece} is not in {}", told.output);
    }
    assert_eq!(release.well(&["ping"]), "pong\n");
}

#[test]
fn a_node_with_a_prompt_ends_with_it() {
    let release = Release::unpack();
    let told = release.refuge_with(&["console"], "ping\nquit\n");
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    assert!(told.output.contains("pong"), "{}", told.output);
    assert_eq!(release.refuge(&["ping"]).code, Some(69));
    let logs = std::fs::read_dir(release.root().join("var/log")).unwrap();
    let logs: Vec<_> = logs.map(|entry| entry.unwrap().file_name()).collect();
    assert!(logs.iter().any(|name| name.to_string_lossy().starts_with("refuge.log.")), "{logs:?}");
}

#[test]
fn a_prompt_that_loses_its_session_gets_another_one() {
    let release = Release::unpack();
    let typed = "kill console-sessions\nping\nping\nping\nquit\n";
    let told = release.refuge_with(&["console"], typed);
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    assert!(told.output.contains("pong"), "{}{}", told.output, told.errors);
    assert!(!told.errors.contains("/_setup/"), "there is an admin: {}", told.errors);
}

#[test]
fn who_has_no_admin_is_told_before_the_prompt_how_to_make_one() {
    let release = Release::without_admin();
    let told = release.refuge_with(&["console"], "ping\nquit\n");
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    assert!(told.errors.contains("/_setup/"), "{}", told.errors);
}

#[test]
fn the_log_is_read_and_set_on_the_console() {
    let release = Release::unpack();
    release.start();
    assert!(release.well(&["eval", "log 50"]).contains("starting"));
    let told = release.well(&["rpc", "log", "level", "debug", "refuge_http"]);
    assert_eq!(told, "{\"level\":\"info\",\"modules\":\"refuge_http=debug\"}\n");
    let told = release.refuge(&["eval", "log level loud"]);
    assert_eq!(told.code, Some(64));
    assert!(told.errors.contains("debug"), "{}", told.errors);
}
