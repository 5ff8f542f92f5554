//! Feeds of which little passes: pages for readers of this process, and the patience of clients.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::rows_database::RowsDatabase;
use super::{Filter, read};
use crate::changes::{ChangesChoice, SelectedChanges, SelectedPage};
use crate::node::Database;

async fn page(
    database: &Arc<RowsDatabase>,
    choice: ChangesChoice<'_>,
    range: (u64, u64),
    limit: usize,
) -> SelectedPage {
    let database: Arc<dyn Database> = database.clone();
    let changes = SelectedChanges::of(database.as_ref(), choice, true).await.expect("a choice");
    changes.page(&database, range, limit).await.expect("a page")
}

fn ids(page: &SelectedPage) -> Vec<&str> {
    page.rows.iter().map(|row| row.id.as_str()).collect()
}

#[tokio::test]
async fn a_page_tells_how_far_it_has_come() {
    let database = RowsDatabase::with_rows(3000);
    let wanted = ["d00003", "d01000", "d02500"].map(str::to_owned);
    let listed = || ChangesChoice::Documents(&wanted);
    let first = page(&database, listed(), (0, 3000), 2).await;
    assert_eq!(ids(&first), ["d00003", "d01000"]);
    assert_eq!((first.position, first.finished), (1000, false));
    let rest = page(&database, listed(), (1000, 3000), 2).await;
    assert_eq!(ids(&rest), ["d02500"]);
    assert_eq!((rest.position, rest.finished), (3000, true));
    assert_eq!(database.pages_read.load(Ordering::SeqCst), 0, "ids are looked up");
}

#[tokio::test]
async fn a_page_ends_where_much_was_looked_at() {
    let database = RowsDatabase::with_rows(12_000);
    database.put("_design/app", &["1-a"]);
    let first = page(&database, ChangesChoice::Design, (0, 12_001), 5).await;
    assert!(first.rows.is_empty() && !first.finished, "{first:?}");
    assert!((10_000..12_000).contains(&first.position), "{first:?}");
    let rest = page(&database, ChangesChoice::Design, (first.position, 12_001), 5).await;
    assert_eq!(ids(&rest), ["_design/app"]);
    assert_eq!((rest.position, rest.finished), (12_001, true));
}

#[tokio::test]
async fn what_passes_beyond_the_limit_is_left_to_the_next_page() {
    let database = RowsDatabase::with_rows(20);
    let selector = serde_json::json!({"_id": {"$gt": "d00010"}});
    let first = page(&database, ChangesChoice::Selector(&selector), (0, 20), 3).await;
    assert_eq!(ids(&first), ["d00011", "d00012", "d00013"]);
    assert_eq!((first.position, first.finished), (13, false));
    let all = page(&database, ChangesChoice::All, (13, 20), 100).await;
    assert_eq!((all.rows.len(), all.position, all.finished), (7, 20, true));
}

#[tokio::test]
async fn a_longpoll_ends_though_changes_that_do_not_pass_keep_coming() {
    let database = RowsDatabase::with_rows(1);
    let writer = Arc::clone(&database);
    let writing = tokio::spawn(async move {
        loop {
            writer.put("d00001", &["1-a"]);
            tokio::task::yield_now().await;
        }
    });
    let answer = read(&database, "feed=longpoll&timeout=50", Filter::Design).await;
    writing.abort();
    assert_eq!(answer["results"], serde_json::json!([]));
    let reached = answer["last_seq"].as_str().and_then(|text| text.strip_suffix("-i"));
    let reached: u64 = reached.and_then(|number| number.parse().ok()).expect("a sequence");
    assert!(reached > 1, "it tells how far it has come: {answer}");
}
