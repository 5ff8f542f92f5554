//! What a request and a document are read as, and which are refused.

use super::*;
use serde_json::json;

fn job(request: Value) -> Job {
    match parse_replicate_request(&request).unwrap() {
        ReplicateRequest::Start(job) => *job,
        ReplicateRequest::Cancel(_) => panic!("a cancellation"),
    }
}

#[test]
fn ends_are_names_urls_or_objects() {
    let job = job(json!({
        "source": "cities",
        "target": {"url": "https://host/db", "headers": {"X-A": "1"},
                   "auth": {"basic": {"username": "bob", "password": "secret"}}},
        "create_target": true,
        "worker_batch_size": "25",
        "use_bulk_get": false,
    }));
    assert_eq!(job.link.use_bulk_get, Some(false));
    assert_eq!(job.source, EndPoint::Local("cities".to_owned()));
    assert!(job.create_target && !job.continuous);
    assert_eq!(job.use_checkpoints, None);
    assert_eq!(job.batch_documents, Some(25));
    let EndPoint::Remote(target) = &job.target else {
        panic!("not remote");
    };
    assert_eq!(target.headers, [("X-A".to_owned(), "1".to_owned())]);
    assert_eq!(target.credentials.as_ref().unwrap().username, "bob");
    assert!(!format!("{job:?}").contains("secret"));
}

#[test]
fn an_end_of_a_node_is_taken_as_one_text() {
    let text = job(json!({"source": "node://bob/cities", "target": "b"}));
    let object = job(json!({"source": {"node": "bob", "db": "cities"}, "target": "b"}));
    assert_eq!(text, object);
    let other = json!({"source": "nodes://bob/cities", "target": "b"});
    let error = parse_replicate_request(&other).unwrap_err().to_string();
    assert!(error.contains("http://") && error.contains("node://NAME/DATABASE"), "{error}");
}

#[test]
fn fields_that_would_change_the_outcome_are_errors() {
    for field in UNSUPPORTED {
        let request = json!({"source": "a", "target": "b", field: "x"});
        let error = parse_replicate_request(&request).unwrap_err();
        assert_eq!(error, unsupported(field));
    }
    let placed = json!({"source": "a", "target": "b", "create_target_params": {"placement": "x"}});
    assert!(matches!(parse_replicate_request(&placed), Err(JobError::Unsupported { .. })));
}

#[test]
fn a_target_is_made_partitioned_where_that_is_asked_for() {
    let asked = |value: Value| {
        let parameters = json!({"q": 2, "partitioned": value});
        let request = json!({"source": "a", "target": "b", "create_target_params": parameters});
        parse_replicate_request(&request)
    };
    for partitioned in [true, false] {
        let Ok(ReplicateRequest::Start(job)) = asked(json!(partitioned)) else { panic!("no job") };
        assert_eq!((job.partitioned_target, job.target_shards), (partitioned, Some(2)));
    }
    assert!(matches!(asked(json!("yes")), Err(JobError::BadRequest(_))));
}

#[test]
fn fields_that_only_tune_a_cluster_are_ignored() {
    let job = job(json!({
        "source": "a", "target": "b", "create_target_params": {"q": 1, "n": 1}, "owner": "bob",
    }));
    assert_eq!(job.target, EndPoint::Local("b".to_owned()));
    assert_eq!(*job.link, JobLink::default());
}

#[test]
fn what_a_job_says_of_the_way_to_its_ends_is_taken() {
    let link = job(json!({
        "source": "http://h/a", "target": "b", "bandwidth": 125_000, "window": "22:00-06:00",
        "http_connections": 3, "connection_timeout": 1000, "worker_processes": 1_000,
        "source_proxy": "http://bob:secret@proxy:3128", "socket_options": "[{nodelay, false}]",
    }))
    .link;
    assert!(!link.sockets.unwrap().no_delay);
    assert_eq!(
        (link.bandwidth, link.connections, link.patience_ms),
        (Some(125_000), Some(3), Some(1000))
    );
    assert_eq!(link.window.unwrap().to_string(), "22:00-06:00");
    assert_eq!(link.batches_under_way, Some(64));
    assert_eq!(link.source_proxy.as_ref().unwrap().to_string(), "http://proxy:3128");
    assert_eq!(link.target_proxy, None);
    for wrong in [
        json!({"bandwidth": 0}),
        json!({"bandwidth": -1}),
        json!({"bandwidth": "fast"}),
        json!({"window": "at night"}),
        json!({"window": 7}),
        json!({"http_connections": 0}),
        json!({"connection_timeout": 0}),
        json!({"worker_processes": 0}),
        json!({"proxy": "h:1"}),
        json!({"socket_options": "keepalive"}),
    ] {
        let mut fields = json!({"source": "a", "target": "b"});
        fields.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let error = parse_replicate_request(&fields);
        assert!(matches!(error, Err(JobError::BadRequest(_))), "{wrong}");
    }
}

#[test]
fn a_cancellation_names_an_id_or_the_same_job() {
    let by_id = json!({"cancel": true, "replication_id": "abc+continuous"});
    assert_eq!(
        parse_replicate_request(&by_id).unwrap(),
        ReplicateRequest::Cancel(Cancellation::Id("abc+continuous".to_owned()))
    );
    let by_job = json!({"cancel": true, "source": "a", "target": "b", "continuous": true});
    let ReplicateRequest::Cancel(Cancellation::Job(job)) =
        parse_replicate_request(&by_job).unwrap()
    else {
        panic!("not a cancellation by job");
    };
    assert!(job.continuous);
}

#[test]
fn wrong_forms_are_bad_requests() {
    for request in [
        json!([]),
        json!({"source": "a"}),
        json!({"source": 1, "target": "b"}),
        json!({"source": "A", "target": "b"}),
        json!({"source": "a", "target": "b", "continuous": "yes"}),
        json!({"source": {"headers": {}}, "target": "b"}),
        json!({"source": {"url": "http://h/a", "headers": {"A": 1}}, "target": "b"}),
    ] {
        assert!(
            matches!(parse_replicate_request(&request), Err(JobError::BadRequest(_))),
            "{request}"
        );
    }
}
