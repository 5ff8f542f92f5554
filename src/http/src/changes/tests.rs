//! Whole feeds, from their parameters to the bytes that a client reads.

mod rows_database;
mod selected;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::rows_database::RowsDatabase;
use super::FeedStart;
use super::feed::{Feed, Setting};
use super::filter::Filter;
use super::parameters::Parameters;
use crate::node::{Database, FilterFunction, FunctionFilter, Information};
use crate::query::Query;
use crate::shutdown::Shutdown;
use crate::stream::ReplyBody;

/// A feed that somebody reads.
struct Reader {
    body: ReplyBody,
    stop: watch::Sender<bool>,
}

impl Reader {
    fn open(database: &Arc<RowsDatabase>, query: &str, filter: Filter, current: u64) -> Self {
        let parameters = Parameters::parse(&Query::parse(Some(query)), None).expect("good");
        let (stop, receiver) = watch::channel(false);
        let database: Arc<dyn Database> = database.clone();
        let shutdown = Shutdown::new(receiver);
        let information = Information { update_sequence: current, ..Information::default() };
        let start = if parameters.descending {
            FeedStart { after: current, opaque: database.instance().to_owned() }
        } else {
            parameters.since.resolve(database.instance(), &information, 0).expect("a beginning")
        };
        let user = Arc::default();
        let setting = Setting { database, user, parameters, filter, shutdown, current, start };
        let feed = Feed::new(setting);
        Self { body: ReplyBody::produced(None, |sender| feed.run(sender)), stop }
    }

    /// The next piece as text; `None` at the end.
    async fn piece(&mut self) -> Option<String> {
        let frame = self.body.frame().await?.expect("an unbroken feed");
        let bytes = frame.into_data().expect("data");
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    async fn rest(mut self) -> String {
        let mut text = String::new();
        while let Some(piece) = self.piece().await {
            text.push_str(&piece);
        }
        text
    }
}

async fn read(database: &Arc<RowsDatabase>, query: &str, filter: Filter) -> Value {
    let current = database.information().await.expect("there").update_sequence;
    let text = Reader::open(database, query, filter, current).rest().await;
    serde_json::from_str(&text).expect("JSON")
}

fn ids(answer: &Value) -> Vec<&str> {
    let rows = answer["results"].as_array().expect("rows");
    rows.iter().map(|row| row["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_normal_feed_tells_all_pages_in_order() {
    let database = RowsDatabase::with_rows(5000);
    let answer = read(&database, "", Filter::All).await;
    let expected: Vec<String> = (1..=5000).map(|number| format!("d{number:05}")).collect();
    assert_eq!(ids(&answer), expected);
    assert_eq!(answer["last_seq"], "5000-i");
    assert_eq!(answer["pending"], 0);
    assert_eq!(
        answer["results"][0],
        json!({"seq": "1-i", "id": "d00001", "changes": [{"rev": "1-a"}]})
    );
}

#[tokio::test]
async fn results_and_pending_add_up_whatever_the_limit() {
    let database = RowsDatabase::with_rows(2000);
    database.put("d00007", &["2-b"]);
    for limit in [0_u64, 1, 699, 700, 701, 1999, 2000, 2001] {
        let answer = read(&database, &format!("limit={limit}"), Filter::All).await;
        assert_eq!(ids(&answer).len() as u64, limit.min(2000));
        assert_eq!(answer["pending"], 2000 - limit.min(2000), "limit {limit}");
        let answer = read(&database, &format!("descending=true&limit={limit}"), Filter::All).await;
        assert_eq!(ids(&answer).len() as u64, limit.min(2000));
        assert_eq!(answer["pending"], 2000 - limit.min(2000), "descending, limit {limit}");
    }
}

#[tokio::test]
async fn a_limited_feed_goes_on_from_its_last_sequence() {
    let database = RowsDatabase::with_rows(10);
    let mut since = "0".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = read(&database, &format!("limit=3&since={since}"), Filter::All).await;
        seen.extend(ids(&answer).into_iter().map(str::to_owned));
        since = answer["last_seq"].as_str().expect("text").to_owned();
        if answer["pending"] == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 10);
    assert_eq!(since, "10-i");
}

#[tokio::test]
async fn rows_beyond_the_sequence_of_the_beginning_are_not_told() {
    let database = RowsDatabase::with_rows(10);
    let reader = Reader::open(&database, "limit=4", Filter::All, 8);
    let answer: Value = serde_json::from_str(&reader.rest().await).expect("JSON");
    assert_eq!((ids(&answer).len(), &answer["pending"]), (4, &json!(4)));
    let reader = Reader::open(&database, "", Filter::All, 8);
    let answer: Value = serde_json::from_str(&reader.rest().await).expect("JSON");
    assert_eq!((ids(&answer).len(), &answer["last_seq"]), (8, &json!("8-i")));
}

#[tokio::test]
async fn a_descending_feed_begins_with_the_newest() {
    let database = RowsDatabase::with_rows(1500);
    let answer = read(&database, "descending=true&since=3", Filter::All).await;
    assert_eq!(ids(&answer).len(), 1500);
    assert_eq!(ids(&answer).first(), Some(&"d01500"));
    assert_eq!(answer["last_seq"], "1-i");
    assert_eq!(answer["pending"], 0);
}

#[tokio::test]
async fn listed_documents_alone_are_told_whether_looked_up_or_walked_to() {
    let database = RowsDatabase::with_rows(3000);
    let listed = |extra: usize| {
        let wanted = ["d02500", "d00003", "absent"].map(str::to_owned);
        let fill = (0..extra).map(|number| format!("absent{number}"));
        Filter::Documents(wanted.into_iter().chain(fill).collect::<HashSet<_>>())
    };
    for (extra, walked) in [(0, false), (2000, false), (5000, true)] {
        let answer = read(&database, "since=1&include_docs=true", listed(extra)).await;
        assert_eq!(ids(&answer), ["d00003", "d02500"]);
        assert_eq!(answer["last_seq"], "3000-i");
        assert_eq!(answer["results"][0]["doc"], json!({"_id": "d00003", "_rev": "1-a", "a": 1}));
        let answer = read(&database, "since=3", listed(extra)).await;
        assert_eq!(ids(&answer), ["d02500"]);
        let answer = read(&database, "descending=true&limit=1", listed(extra)).await;
        assert_eq!(ids(&answer), ["d02500"]);
        assert_eq!(database.pages_read.load(Ordering::SeqCst) > 0, walked);
    }
}

#[tokio::test]
async fn documents_come_with_their_conflicts() {
    let database = RowsDatabase::with_rows(0);
    database.put("x", &["2-b", "1-a"]);
    let answer = read(&database, "include_docs=true&conflicts=true&style=all_docs", Filter::All);
    let answer = answer.await;
    assert_eq!(answer["results"][0]["changes"], json!([{"rev": "2-b"}, {"rev": "1-a"}]));
    assert_eq!(answer["results"][0]["doc"]["_conflicts"], json!(["1-a"]));
}

#[tokio::test(start_paused = true)]
async fn a_longpoll_answers_at_once_or_at_the_first_change() {
    let database = RowsDatabase::with_rows(2);
    let answer = read(&database, "feed=longpoll&since=1-i", Filter::All).await;
    assert_eq!(ids(&answer), ["d00002"]);
    let mut reader = Reader::open(&database, "feed=longpoll&since=now", Filter::All, 2);
    assert_eq!(reader.piece().await.as_deref(), Some("{\"results\":[\n\n"));
    database.put("new", &["1-x"]);
    let rest = reader.rest().await;
    assert!(rest.contains("\"id\":\"new\""), "{rest}");
    assert!(rest.ends_with("\n],\n\"last_seq\":\"3-i\",\"pending\":0}\n"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn a_longpoll_without_changes_ends_with_its_timeout() {
    let database = RowsDatabase::with_rows(2);
    let begin = tokio::time::Instant::now();
    let answer = read(&database, "feed=longpoll&since=now&timeout=7000", Filter::All).await;
    assert_eq!(answer, json!({"results": [], "last_seq": "2-i", "pending": 0}));
    assert_eq!(begin.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_longpoll_goes_on_waiting_past_changes_that_do_not_pass() {
    let database = RowsDatabase::with_rows(2);
    let mut reader = Reader::open(&database, "feed=longpoll&since=now", Filter::Design, 2);
    assert!(reader.piece().await.is_some());
    database.put("other", &["1-x"]);
    database.put("_design/d", &["1-y"]);
    let rest = reader.rest().await;
    assert!(rest.contains("_design/d") && !rest.contains("other"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn a_continuous_feed_shows_life_and_tells_what_comes() {
    let database = RowsDatabase::with_rows(1);
    let mut reader = Reader::open(&database, "feed=continuous&heartbeat=5000", Filter::All, 1);
    let row = "{\"seq\":\"1-i\",\"id\":\"d00001\",\"changes\":[{\"rev\":\"1-a\"}]}\n";
    assert_eq!(reader.piece().await.as_deref(), Some(row));
    let begin = tokio::time::Instant::now();
    assert_eq!(reader.piece().await.as_deref(), Some("\n"));
    assert_eq!(reader.piece().await.as_deref(), Some("\n"));
    assert_eq!(begin.elapsed().as_secs(), 10);
    database.put("new", &["1-x"]);
    assert!(reader.piece().await.is_some_and(|row| row.contains("\"id\":\"new\"")));
    reader.stop.send(true).expect("a feed");
    assert_eq!(reader.rest().await, "{\"last_seq\":\"2-i\",\"pending\":0}\n");
}

#[tokio::test(start_paused = true)]
async fn a_feed_shows_life_while_its_rows_are_looked_up() {
    let database = RowsDatabase::with_rows(3000);
    database.look_up_ms.store(12_000, Ordering::SeqCst);
    let wanted = Filter::Documents(HashSet::from(["d02500".to_owned()]));
    let mut reader = Reader::open(&database, "feed=continuous&heartbeat=5000", wanted, 3000);
    assert_eq!(reader.piece().await.as_deref(), Some("\n"));
    assert_eq!(reader.piece().await.as_deref(), Some("\n"));
    assert!(reader.piece().await.is_some_and(|row| row.contains("\"id\":\"d02500\"")));
    assert_eq!(database.pages_read.load(Ordering::SeqCst), 0);
    // Whoever is told to stop does not wait for the end of that either.
    let wanted = Filter::Documents(HashSet::from(["d00007".to_owned()]));
    let mut reader = Reader::open(&database, "feed=continuous&heartbeat=5000", wanted, 3000);
    assert_eq!(reader.piece().await.as_deref(), Some("\n"));
    reader.stop.send(true).expect("a feed");
    assert_eq!(reader.rest().await, "{\"last_seq\":\"0-i\",\"pending\":3000}\n");
}

#[tokio::test(start_paused = true)]
async fn a_continuous_feed_ends_with_its_timeout_or_its_limit() {
    let database = RowsDatabase::with_rows(3);
    let text = Reader::open(&database, "feed=continuous&timeout=1000", Filter::All, 3).rest().await;
    assert_eq!(text.lines().count(), 4);
    assert!(text.ends_with("{\"last_seq\":\"3-i\",\"pending\":0}\n"));
    let text = Reader::open(&database, "feed=continuous&limit=2", Filter::All, 3).rest().await;
    assert!(text.ends_with("\n{\"last_seq\":\"2-i\",\"pending\":1}\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_event_source_sends_events() {
    let database = RowsDatabase::with_rows(1);
    let mut reader = Reader::open(&database, "feed=eventsource&heartbeat=true", Filter::All, 1);
    let event = "data: {\"seq\":\"1-i\",\"id\":\"d00001\",\"changes\":[{\"rev\":\"1-a\"}]}\nid: \"1-i\"\n\n";
    assert_eq!(reader.piece().await.as_deref(), Some(event));
    assert_eq!(reader.piece().await.as_deref(), Some("event: heartbeat\ndata: \n\n"));
    reader.stop.send(true).expect("a feed");
    assert_eq!(reader.rest().await, "");
}

#[tokio::test(start_paused = true)]
async fn feeds_outlive_restarts_of_the_actors_behind_them() {
    let database = RowsDatabase::with_rows(1500);
    database.outages.store(5, Ordering::SeqCst);
    let answer = read(&database, "", Filter::All).await;
    assert_eq!(ids(&answer).len(), 1500);
    let mut reader = Reader::open(&database, "feed=continuous&since=now", Filter::All, 1500);
    assert_eq!(reader.piece().await.as_deref(), Some("\n"));
    database.outages.store(3, Ordering::SeqCst);
    database.put("new", &["1-x"]);
    assert!(reader.piece().await.is_some_and(|row| row.contains("\"id\":\"new\"")));
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_waits_ends_in_order_when_its_database_is_deleted() {
    let database = RowsDatabase::with_rows(3);
    let mut reader = Reader::open(&database, "feed=continuous&heartbeat=1000", Filter::All, 3);
    assert!(reader.piece().await.is_some());
    database.delete();
    assert_eq!(reader.rest().await, "{\"last_seq\":\"3-i\",\"pending\":0}\n");
}

#[tokio::test(start_paused = true)]
async fn a_normal_feed_that_cannot_be_finished_breaks_off() {
    let database = RowsDatabase::with_rows(3000);
    let mut reader = Reader::open(&database, "", Filter::All, 3000);
    assert!(reader.piece().await.is_some());
    database.outages.store(usize::MAX / 2, Ordering::SeqCst);
    let mut broken = false;
    while let Some(frame) = reader.body.frame().await {
        broken = frame.is_err();
    }
    assert!(broken);
}

#[tokio::test(start_paused = true)]
async fn a_long_walk_past_rows_that_do_not_pass_is_no_silence() {
    let database = RowsDatabase::with_rows(3000);
    let feed = "feed=continuous&heartbeat=20";
    let mut reader = Reader::open(&database, feed, Filter::Design, 3000);
    // Each page is delayed by a restart, longer than the heartbeat.
    database.outages.store(2, Ordering::SeqCst);
    let piece = tokio::time::timeout(Duration::from_secs(1), reader.piece()).await;
    assert_eq!(piece.expect("a sign of life").as_deref(), Some("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_feed_whose_database_is_restarting_heeds_a_shutdown_at_once() {
    let database = RowsDatabase::with_rows(3);
    database.outages.store(usize::MAX / 2, Ordering::SeqCst);
    let reader = Reader::open(&database, "feed=continuous", Filter::All, 3);
    let begin = tokio::time::Instant::now();
    let stop = reader.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.send(true)
    });
    assert_eq!(reader.rest().await, "{\"last_seq\":\"0-i\",\"pending\":null}\n");
    assert_eq!(begin.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn a_function_is_asked_about_few_documents_at_a_time_and_no_body_is_read_twice() {
    let filter = || {
        let function = FilterFunction::Filter("all".to_owned());
        let design = "_design/d".to_owned();
        Filter::Function(Box::new(FunctionFilter { design, function, request: String::new() }))
    };
    for (query, reads) in [("", vec![16, 16, 8]), ("include_docs=true", Vec::new())] {
        let database = RowsDatabase::with_rows(40);
        let told = Reader::open(&database, query, filter(), 40).rest().await;
        assert_eq!(told.matches("\"id\":\"d").count(), 40, "{told}");
        assert_eq!(*database.bodies_read.lock().expect("no panic"), reads, "{query}");
    }
}
