//! Starting: in order, one after the other, and undone as a whole when one child does not start.

use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;
use refuge_otp::{
    ChildSpecification, ChildState, End, StartError, SupervisorSpecification, start, supervisor,
};

use crate::stage::{Stage, only, within};

fn two_levels(stage: &Stage) -> SupervisorSpecification {
    let inner = SupervisorSpecification::one_for_one("inner").children(stage.players(&["b", "c"]));
    SupervisorSpecification::one_for_one("root")
        .child(stage.player("a"))
        .child(supervisor(inner))
        .child(stage.player("d"))
}

#[tokio::test]
async fn children_start_in_order_and_stop_in_reverse() {
    let mut stage = Stage::new();
    let node = stage.start(two_levels(&stage)).await;
    assert_eq!(stage.heard(), ["start a", "start b", "start c", "start d"]);
    assert_eq!(within(node.shutdown()).await, End::Shutdown);
    let expected = ["stop d", "gone d", "stop c", "gone c", "stop b", "gone b", "stop a", "gone a"];
    assert_eq!(stage.heard(), expected);
    let tree = node.tree().unwrap();
    assert!(
        tree.walk().all(|actor| actor.state == ChildState::Stopped && actor.incarnation.is_none())
    );
}

#[tokio::test]
async fn a_failed_start_undoes_the_others_in_reverse_and_says_who_failed() {
    let mut stage = Stage::new();
    stage.script("d").failing_starts.store(1, Ordering::SeqCst);
    let error = within(start(two_levels(&stage), stage.names.clone())).await.unwrap_err();
    assert_eq!(error.to_string(), "root did not start: d did not start: it was told not to start");
    let heard = stage.heard();
    assert_eq!(only("start", &heard), ["a", "b", "c", "d"]);
    assert_eq!(only("stop", &heard), ["c", "b", "a"]);
    assert!(stage.names.lookup::<crate::stage::Cue>("a").is_none());
    // Nothing is left, so it can be tried again.
    within(start(two_levels(&stage), stage.names.clone())).await.expect("the second try starts");
}

#[tokio::test]
async fn a_failed_start_deep_down_is_an_error_at_the_top() {
    let mut stage = Stage::new();
    stage.script("c").panicking_starts.store(1, Ordering::SeqCst);
    let error = within(start(two_levels(&stage), stage.names.clone())).await.unwrap_err();
    assert!(error.to_string().contains("inner did not start: c did not start"), "{error}");
    assert_eq!(only("stop", &stage.heard()), ["b", "a"]);
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing() {
    let mut stage = Stage::new();
    stage.script("c").hanging_starts.store(1, Ordering::SeqCst);
    let starting = tokio::spawn(start(two_levels(&stage), stage.names.clone()));
    stage.until("start c").await;
    starting.abort();
    let tree = stage.tree_when(|tree| tree.walk().all(|actor| actor.incarnation.is_none())).await;
    assert_eq!(tree.name, "root");
    let heard = stage.heard();
    assert_eq!(heard.len(), 2, "a and b are gone: {heard:?}");
}

#[tokio::test]
async fn a_name_is_registered_before_the_next_child_starts() {
    let stage = Stage::new();
    let (sender, mut found) = tokio::sync::mpsc::unbounded_channel();
    let second = stage.player("second");
    let inner_start = second.start.clone();
    let looking = ChildSpecification {
        start: std::sync::Arc::new(move |context| {
            let _ = sender.send(context.names().lookup::<crate::stage::Cue>("first").is_some());
            inner_start(context)
        }),
        ..second
    };
    let tree =
        SupervisorSpecification::one_for_one("root").child(stage.player("first")).child(looking);
    stage.start(tree).await;
    assert_eq!(found.try_recv(), Ok(true));
}

#[tokio::test]
async fn two_children_of_one_name_are_refused() {
    let stage = Stage::new();
    let tree = two_levels(&stage).child(stage.player("c"));
    let error = start(tree, stage.names.clone()).await.unwrap_err();
    assert!(matches!(error, StartError::DuplicateName { name } if name == "c"));
}

#[tokio::test]
async fn a_tree_starts_again_after_its_end_and_not_before() {
    let stage = Stage::new();
    let first = stage.start(two_levels(&stage)).await;
    let error = start(two_levels(&stage), stage.names.clone()).await.unwrap_err();
    assert!(matches!(error, StartError::AlreadyStarted { .. }), "{error}");
    within(first.shutdown()).await;
    let second = stage.start(two_levels(&stage)).await;
    // The handle of the first has no power over the second.
    assert_eq!(within(first.shutdown()).await, End::Shutdown);
    assert_eq!(first.tree(), None);
    assert_eq!(stage.ping("a").await, 2);
    assert_eq!(within(second.shutdown()).await, End::Shutdown);
}

#[tokio::test]
async fn a_start_function_that_panics_fails_the_start() {
    let mut stage = Stage::new();
    let broken =
        ChildSpecification::new("broken", std::sync::Arc::new(|_| panic!("no future at all")));
    let tree = SupervisorSpecification::one_for_one("root").child(stage.player("a")).child(broken);
    let error = within(start(tree, stage.names.clone())).await.unwrap_err();
    assert!(error.to_string().contains("broken did not start"), "{error}");
    assert_eq!(stage.heard(), ["start a", "stop a", "gone a"]);
}

#[tokio::test]
async fn an_actor_without_our_shell_is_watched_all_the_same() {
    use ractor::{Actor, ActorProcessingErr, ActorRef};
    struct Plain;
    impl Actor for Plain {
        type Msg = ();
        type State = ();
        type Arguments = ();
        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }
        async fn handle(
            &self,
            _: ActorRef<()>,
            (): (),
            _: &mut (),
        ) -> Result<(), ActorProcessingErr> {
            Err("told to".into())
        }
    }
    let stage = Stage::new();
    let plain = ChildSpecification::new(
        "plain",
        std::sync::Arc::new(|context: refuge_otp::StartContext| {
            async move {
                let above = context.supervisor().expect("it is not the root").clone();
                let spawned = Actor::spawn_linked(None, Plain, (), above).await;
                let (actor, _) = spawned.map_err(|error| context.failed(error.into()))?;
                context.names().register("plain", &actor);
                Ok(actor.get_cell())
            }
            .boxed()
        }),
    );
    let node =
        stage.start(SupervisorSpecification::one_for_one("root").child(plain.transient())).await;
    stage.names.cast("plain", ()).unwrap();
    stage.restarted("plain", 1).await;
    let plain = stage.names.lookup::<()>("plain").expect("the new one has the name");
    plain.stop(None);
    stage.tree_when(|tree| tree.find("plain").unwrap().state == ChildState::Stopped).await;
    assert_eq!(within(node.shutdown()).await, End::Shutdown);
    assert_eq!(stage.restarts("plain"), 1);
}
