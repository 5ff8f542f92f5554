//! The actor with a directory of its own. Keys are as small as is allowed, which is quicker.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use refuge_identity::LEAST_KEY_BITS;

use super::*;

fn arguments(names: &Names, root: &Path) -> NodeIdentityArguments {
    NodeIdentityArguments {
        names: names.clone(),
        directory: root.join("var/identity"),
        bits: LEAST_KEY_BITS,
        retry: Duration::from_millis(10),
    }
}

async fn start(arguments: NodeIdentityArguments) -> ActorRef<NodeIdentityMessage> {
    Actor::spawn(None, NodeIdentityActor, arguments).await.unwrap().0
}

async fn ready(names: &Names) -> NodeId {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(identity) = names.value::<NodeIdentity>(names::NODE_IDENTITY) {
            return identity.id;
        }
        assert!(Instant::now() < deadline, "no identity came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_identity_is_made_once_and_kept() {
    let root = tempfile::tempdir().unwrap();
    let names = Names::new("test");
    let first = start(arguments(&names, root.path())).await;
    let id = ready(&names).await;
    first.stop_and_wait(None, None).await.unwrap();
    assert!(names.value::<NodeIdentity>(names::NODE_IDENTITY).is_none());
    start(arguments(&names, root.path())).await;
    assert_eq!(ready(&names).await, id);
}

#[tokio::test]
async fn killed_while_it_makes_a_key_it_ends_up_with_the_one_on_disk() {
    let root = tempfile::tempdir().unwrap();
    let names = Names::new("test");
    for _ in 0..3 {
        start(arguments(&names, root.path())).await.kill();
    }
    start(arguments(&names, root.path())).await;
    let id = ready(&names).await;
    let stored = NodeIdentity::load(&arguments(&names, root.path()).directory).unwrap().unwrap();
    assert_eq!(stored.id, id);
}

#[tokio::test]
async fn a_broken_identity_is_looked_at_again() {
    let root = tempfile::tempdir().unwrap();
    let names = Names::new("test");
    let made = arguments(&names, root.path());
    let options = CreateOptions { bits: LEAST_KEY_BITS, name: "a".to_owned() };
    let id = NodeIdentity::create(&made.directory, &options).unwrap().id;
    let key = made.directory.join("key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let actor = start(made).await;
    // It has tried by the time that it is asked a second time.
    actor.cast(NodeIdentityMessage::Prepare).unwrap();
    assert!(names.value::<NodeIdentity>(names::NODE_IDENTITY).is_none());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(ready(&names).await, id);
}

#[tokio::test]
async fn a_restart_of_the_actor_is_no_restart_of_the_node() {
    let root = tempfile::tempdir().unwrap();
    let names = Names::new("test");
    let first = start(arguments(&names, root.path())).await;
    let id = ready(&names).await;
    let (reply, answer) = oneshot::channel();
    first.cast(NodeIdentityMessage::Rotate { reply }).unwrap();
    let (reply, second) = oneshot::channel();
    first.cast(NodeIdentityMessage::Rotate { reply }).unwrap();
    assert!(second.await.unwrap().unwrap_err().contains("already"), "one at a time");
    let next = answer.await.unwrap().unwrap();
    first.stop_and_wait(None, None).await.unwrap();
    let second = start(arguments(&names, root.path())).await;
    assert_eq!(ready(&names).await, id);
    second.stop_and_wait(None, None).await.unwrap();
    take_next(&arguments(&names, root.path()).directory);
    start(arguments(&names, root.path())).await;
    assert_eq!(ready(&names).await, next);
}

#[test]
fn a_node_has_a_name() {
    let mut settings = Settings::default();
    assert!(!own_name(&settings).is_empty());
    settings.mesh.name = "cellar".to_owned();
    assert_eq!(own_name(&settings), "cellar");
}
