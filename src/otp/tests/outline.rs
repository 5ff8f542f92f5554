//! Restart sets and pictures, computed from specifications and from live trees alike.

use std::collections::BTreeSet;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_otp::{
    ChildSpecification, Names, Outline, Restart, Shutdown, SupervisorSpecification, picture,
    restart_set, start, supervisor, worker,
};

#[derive(Default)]
struct Idle;

impl Actor for Idle {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

fn idle(name: &str) -> ChildSpecification {
    worker::<Idle>(name, Restart::Permanent, Shutdown::Timeout(Duration::from_secs(1)), |_| ())
}

fn node() -> SupervisorSpecification {
    let kernel = SupervisorSpecification::rest_for_one("kernel")
        .child(idle("configuration"))
        .child(idle("bus").because("news for everyone"))
        .child(idle("greeter").temporary());
    let storage = SupervisorSpecification::one_for_all("storage")
        .child(idle("engine"))
        .child(idle("maintenance").transient());
    let open = SupervisorSpecification::dynamic("open databases").holds(
        supervisor(
            SupervisorSpecification::rest_for_one("database <name>")
                .child(idle("shard <name>/<number>")),
        )
        .temporary(),
    );
    let databases = SupervisorSpecification::rest_for_one("databases")
        .child(idle("directory"))
        .child(supervisor(open));
    SupervisorSpecification::rest_for_one("root")
        .child(supervisor(kernel))
        .child(supervisor(SupervisorSpecification::one_for_one("console").child(idle("listener"))))
        .child(supervisor(storage).because("a poisoned engine is reopened whole"))
        .child(supervisor(databases))
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_picture_shows_names_strategies_and_reasons() {
    let expected = "\
root (rest_for_one)
├─ kernel (rest_for_one)
│  ├─ configuration
│  ├─ bus: news for everyone
│  └─ greeter (temporary)
├─ console (one_for_one)
│  └─ listener
├─ storage (one_for_all): a poisoned engine is reopened whole
│  ├─ engine
│  └─ maintenance (transient)
└─ databases (rest_for_one)
   ├─ directory
   └─ open databases (dynamic)
      └─ database <name> (rest_for_one, temporary, added at run time)
         └─ shard <name>/<number>
";
    assert_eq!(picture(&node()), expected);
}

#[test]
fn a_restart_set_follows_the_strategies() {
    let databases = ["databases", "directory", "open databases"];
    let storage = ["storage", "engine", "maintenance"];
    let console = ["console", "listener"];
    let kernel = ["kernel", "configuration", "bus", "greeter"];
    let cases: &[(&str, &[&[&str]])] = &[
        ("listener", &[&["listener"]]),
        ("engine", &[&["engine", "maintenance"]]),
        ("bus", &[&["bus"]]),
        ("configuration", &[&["configuration", "bus"]]),
        ("greeter", &[]),
        ("directory", &[&["directory", "open databases"]]),
        ("root/databases/open databases", &[&["open databases"]]),
        ("storage", &[&storage, &databases]),
        ("console", &[&console, &storage, &databases]),
        ("kernel", &[&kernel, &console, &storage, &databases]),
        ("database <name>", &[]),
        ("shard <name>/<number>", &[&["shard <name>/<number>"]]),
        ("root", &[]),
        ("nobody", &[]),
    ];
    for (killed, expected) in cases {
        assert_eq!(restart_set(&node(), killed), set(&expected.concat()), "{killed}");
    }
}

#[tokio::test]
async fn a_live_tree_gives_the_same_sets_as_its_specification() {
    let names = Names::new("outline");
    let running = start(node(), names).await.expect("every child starts");
    let tree = running.tree().expect("the tree is there");
    let json = serde_json::to_string(&tree).expect("a tree is data");
    let read: refuge_otp::TreeNode = serde_json::from_str(&json).expect("and can be read again");
    assert_eq!(read, tree);
    for node_below in tree.walk() {
        let live = restart_set(&tree, &node_below.name);
        assert_eq!(live, restart_set(&node(), &node_below.name), "{}", node_below.name);
    }
    running.shutdown().await;
}

#[test]
fn a_parents_budget_is_larger_than_its_childrens() {
    fn check(specification: &SupervisorSpecification) {
        let own = specification.budget().limit().expect("all have limits here");
        for child in &specification.children {
            assert!(child.shutdown.limit().expect("all have limits here") < own);
            if let Some(nested) = &child.specification {
                check(nested);
            }
        }
    }
    check(&node());
    let forever = SupervisorSpecification::one_for_one("patient")
        .child(idle("slow").shutdown(Shutdown::Infinity));
    assert_eq!(forever.budget(), Shutdown::Infinity);
    assert_eq!(Outline::from(&forever).budget, Shutdown::Infinity);
}
