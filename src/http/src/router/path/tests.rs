//! Which paths lead where.

use super::*;

fn found(path: &[&'static str]) -> Route<'static> {
    find(path.iter().map(|&segment| Cow::Borrowed(segment)).collect())
}

fn part(path: &[&'static str]) -> Part<'static> {
    match found(path) {
        Route::Database { part, .. } => part,
        other => panic!("not in a database: {other:?}"),
    }
}

#[test]
fn paths_lead_to_their_endpoints() {
    assert_eq!(found(&[]), Route::Welcome);
    assert_eq!(found(&["_all_dbs"]), Route::Node(NodeRoute::AllDatabases));
    assert_eq!(part(&["db", "_changes"]), Part::Changes);
    assert_eq!(part(&["_users", "x"]), Part::Document { id: "x".into() });
    assert_eq!(part(&["db", "_local", "x/y"]), Part::Local { id: "x/y".into() });
    assert_eq!(part(&["db", "_local/x"]), Part::Local { id: "x".into() });
    assert_eq!(part(&["db", "_design", "a"]), Part::Document { id: "_design/a".into() });
    assert_eq!(part(&["db", "_design/a"]), Part::Document { id: "_design/a".into() });
    assert_eq!(
        part(&["db", "d", "a", "b.txt"]),
        Part::Attachment { id: "d".into(), name: "a/b.txt".into() }
    );
    assert_eq!(
        part(&["db", "_design", "d", "a.js"]),
        Part::Attachment { id: "_design/d".into(), name: "a.js".into() }
    );
}

#[test]
fn the_scheduler_tells_all_of_a_database_or_one() {
    let scheduler = |path: &[&'static str]| match found(path) {
        Route::Scheduler(route) => route,
        other => panic!("not the scheduler: {other:?}"),
    };
    assert_eq!(scheduler(&["_scheduler", "docs"]), SchedulerRoute::Documents);
    assert_eq!(
        scheduler(&["_scheduler", "docs", "_replicator", "a", "b"]),
        SchedulerRoute::Document { database: "_replicator".into(), id: "a/b".into() }
    );
    assert_eq!(scheduler(&["_scheduler", "jobs", "x"]), SchedulerRoute::Job { id: "x".into() });
    for path in [
        &["_scheduler", "docs", "a", "b", "_replicator", "x"][..],
        &["_scheduler", "docs", "a/b/_replicator", "x"],
    ] {
        let (database, id) = ("a/b/_replicator".into(), "x".into());
        assert_eq!(scheduler(path), SchedulerRoute::Document { database, id });
    }
    assert_eq!(
        scheduler(&["_scheduler", "docs", "a", "_replicator"]),
        SchedulerRoute::DocumentsOf { database: "a/_replicator".into() }
    );
    for path in [&["_scheduler"][..], &["_scheduler", "other"]] {
        assert_eq!(scheduler(path), SchedulerRoute::Unknown);
    }
}

#[test]
fn the_configuration_is_found_by_section_and_key() {
    let part = |path: &[&'static str]| {
        let path: Vec<_> = ["_node", "_local", "_config"].iter().chain(path).copied().collect();
        match found(&path) {
            Route::Configuration { node, part } if node == "_local" => part,
            other => panic!("not the configuration: {other:?}"),
        }
    };
    assert_eq!(part(&[]), ConfigurationPart::Whole);
    assert_eq!(part(&["_reload"]), ConfigurationPart::Reload);
    assert_eq!(part(&["cors"]), ConfigurationPart::Section("cors".into()));
    let key = ConfigurationPart::Key { section: "cors".into(), name: "origins".into() };
    assert_eq!(part(&["cors", "origins"]), key);
    assert_eq!(part(&["cors", "origins", "x"]), ConfigurationPart::Beyond);
}

#[test]
fn later_endpoints_are_known_by_name() {
    assert_eq!(found(&["_mesh", "messages"]), Route::Messages);
    let rotations = Route::Rotations { id: "x".into() };
    assert_eq!(found(&["_mesh", "pair", "rotation", "x"]), rotations);
    assert_eq!(found(&["_mesh", "lookups"]), Route::Later("_mesh".into()));
    assert_eq!(found(&["db", "_time_seq"]), Route::Later("_time_seq".into()));
    assert_eq!(
        found(&["db", "_design", "d", "_search", "v"]),
        Route::Later("_design/…/_search".into())
    );
}

#[test]
fn a_partition_is_asked_as_its_database_is() {
    assert_eq!(part(&["db", "_partition"]), Part::Partitions);
    assert_eq!(part(&["db", "_partition", "p"]), Part::Partition { name: "p".into() });
    let below = |path: &[&'static str]| {
        let path: Vec<_> = ["db", "_partition", "p"].iter().chain(path).copied().collect();
        match part(&path) {
            Part::InPartition { name, part } if name == "p" => part.map(|part| *part),
            other => panic!("not in the partition: {other:?}"),
        }
    };
    assert_eq!(below(&["_find"]), Some(Part::Find));
    assert_eq!(below(&["_all_docs"]), Some(Part::Listing(Listed::All)));
    let view = DesignPart::View { view: "v".into() };
    let expected = Part::Design { name: "d".into(), part: view };
    assert_eq!(below(&["_design", "d", "_view", "v"]), Some(expected));
    for nothing in [&["_changes"][..], &["d"], &["_design", "d"], &["_partition", "q"]] {
        assert_eq!(below(nothing), None, "{nothing:?}");
    }
}

#[test]
fn views_are_found_below_their_design_document() {
    let design = |path: &[&'static str]| match part(path) {
        Part::Design { name, part } if name == "d" => part,
        other => panic!("not below the design document: {other:?}"),
    };
    let view = || "v".into();
    assert_eq!(design(&["db", "_design", "d", "_view", "v"]), DesignPart::View { view: view() });
    let list = |design| DesignPart::List { function: "l".into(), design, view: view() };
    assert_eq!(design(&["db", "_design", "d", "_list", "l", "v"]), list(None));
    assert_eq!(design(&["db", "_design", "d", "_list", "l", "o", "v"]), list(Some("o".into())));
    assert_eq!(design(&["db", "_design", "d", "_list", "l"]), DesignPart::ListOfNothing);
    let rewrite = |path: &[&str]| DesignPart::Rewrite {
        path: path.iter().map(|&segment| segment.to_owned()).collect(),
    };
    assert_eq!(design(&["db", "_design", "d", "_rewrite"]), rewrite(&[]));
    assert_eq!(design(&["db", "_design", "d", "_rewrite", "a", "_b"]), rewrite(&["a", "_b"]));
    assert_eq!(
        design(&["db", "_design", "d", "_view", "v", "queries"]),
        DesignPart::ViewQueries { view: view() }
    );
    assert_eq!(design(&["db", "_design", "d", "_info"]), DesignPart::Information);
    assert_eq!(part(&["db", "_view_cleanup"]), Part::ViewCleanup);
}

#[test]
fn an_id_with_its_slash_packed_is_the_same_design_document() {
    for rest in [&["_view", "v"][..], &["_info"], &["_show", "f", "a"], &["file"], &[]] {
        let packed: Vec<_> = ["db", "_design/d"].iter().chain(rest).copied().collect();
        let whole: Vec<_> = ["db", "_design", "d"].iter().chain(rest).copied().collect();
        assert_eq!(found(&packed), found(&whole), "{rest:?}");
    }
    let packed = part(&["db", "_partition", "p", "_design/d", "_view", "v"]);
    assert_eq!(packed, part(&["db", "_partition", "p", "_design", "d", "_view", "v"]));
}

#[test]
fn what_is_no_function_of_a_design_document_is_an_attachment_or_nothing() {
    let design = |rest: &[&'static str]| {
        let path: Vec<_> = ["db", "_design", "d"].iter().chain(rest).copied().collect();
        match part(&path) {
            Part::Design { part, .. } => Some(part),
            _ => None,
        }
    };
    let nothing = |error| Some(DesignPart::NoFunction { error });
    assert_eq!(design(&["_show"]), nothing("show_error"));
    assert_eq!(design(&["_update"]), nothing("update_error"));
    assert_eq!(design(&["_view"]), Some(DesignPart::ViewOfNothing));
    assert_eq!(design(&["_view", "v", "other"]), Some(DesignPart::ViewOfNothing));
    let attachment = Part::Attachment { id: "_design/d".into(), name: "_foo".into() };
    assert_eq!(part(&["db", "_design", "d", "_foo"]), attachment);
    assert_eq!(part(&["db", "_temp_view"]), Part::TemporaryView);
    let Part::InPartition { part: below, .. } =
        part(&["db", "_partition", "p", "_design", "d", "_foo"])
    else {
        panic!("not in the partition");
    };
    assert_eq!(below, None);
}
