//! Pairings that the guest's own node refuses: the host hears of none of them, and its invitation is as good as
//! before.

use refuge_tests::{Certificate, Node};
use serde_json::{Value, json};

use super::{invite, quiet, text};

/// What the guest is told where its own node refuses; the host has heard nothing.
async fn refused(host: &Node, guest: &Node, pair: &[&str]) -> String {
    let before = guest.peer(&["list"]).await;
    let told = guest.refuge(pair);
    assert_eq!(told.code, Some(64), "{pair:?}: {}", told.errors);
    assert_eq!(guest.peer(&["list"]).await, before, "{pair:?}");
    assert_eq!(host.peer(&["list"]).await["peers"], json!([]), "{pair:?}");
    let open = host.client().get("/_mesh/invitations").await.expect(200).json();
    assert_eq!(open["invitations"][0]["used_by"], Value::Null, "{pair:?}: {open}");
    told.errors
}

/// The invitation can still be used.
async fn is_still_good(host: &Node, guest: &Node, invitation: &str) {
    let told = guest.refuge(&["pair", invitation, "--name", "host", "--group", "friends"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    host.sees("guest", true).await;
    guest.sees("host", true).await;
}

#[tokio::test]
async fn a_name_that_is_taken_and_a_bad_group_spend_no_invitation() {
    let (host, guest) = (quiet(), quiet());
    host.id().await;
    guest.id().await;
    guest.peer(&["add", &Certificate::rsa(2048).node_id(), "--name", "anna"]).await;
    let made = invite(&host, &["--name", "guest"]);
    let invitation = text(&made["invitation"]);
    for (option, value, advice) in [
        ("--name", "anna", "choose another name"),
        ("--name", "group:family", "a name has 1 to 64 characters"),
        ("--group", "Family", "a group is called by 1 to 64 of"),
    ] {
        let errors = refused(&host, &guest, &["pair", invitation, option, value]).await;
        assert!(errors.contains(advice), "{option} {value}: {errors}");
    }
    is_still_good(&host, &guest, invitation).await;
}

#[tokio::test]
async fn a_host_that_is_blocked_here_does_not_hear_that_it_was_to_be_trusted() {
    let (host, guest) = (quiet(), quiet());
    let id = host.id().await;
    guest.id().await;
    guest.peer(&["block", &id]).await;
    let made = invite(&host, &["--name", "guest"]);
    let invitation = text(&made["invitation"]);
    let errors = refused(&host, &guest, &["pair", invitation]).await;
    assert!(errors.contains(&format!("`refuge peer trust {id}` lifts that")), "{errors}");
    guest.peer(&["remove", &id]).await;
    is_still_good(&host, &guest, invitation).await;
}
