//! Selectors: an index that is built, a page from it, and a scan of everything without one.

use std::time::Instant;

use super::{Questions, number_behind};
use crate::Outcome;
use crate::documents::spread;
use crate::rate::whole;
use crate::sheet::Sheet;

const INDEX: &str =
    r#"{"index":{"fields":["number"]},"ddoc":"benchmark-number","name":"number","type":"json"}"#;
/// Where that index is removed.
const INDEX_PATH: &str = "_index/_design/benchmark-number/json/number";

/// Documents of a page.
const PAGE: u64 = 100;

impl Questions<'_> {
    pub(super) async fn selectors(&self, sheet: &mut Sheet<'_>) -> Outcome<()> {
        let index = self.build_index().await;
        let is_built = index.is_ok();
        sheet.tell("find_index_build", "documents_per_second", index)?;
        let documents = self.documents;
        let page = self.ask(1, move |number| {
            let start = spread(number, documents.saturating_sub(PAGE));
            let end = start + PAGE;
            let selector = format!(r#"{{"number":{{"$gte":{start},"$lt":{end}}}}}"#);
            ("_find".to_owned(), format!(r#"{{"selector":{selector},"limit":{PAGE}}}"#))
        });
        sheet.tell_latency("find_100_p50", Some("find_100_p99"), page.await)?;
        sheet.tell("find_scan", "seconds", self.scan().await)?;
        if is_built {
            self.target.ask("DELETE", &format!("{}/{INDEX_PATH}", self.database), 200).await?;
        }
        Ok(())
    }

    /// Makes the index and waits for its first answer; how many documents a second came in.
    async fn build_index(&self) -> Outcome<f64> {
        let start = Instant::now();
        let path = format!("{}/_index", self.database);
        self.target.tell("POST", &path, INDEX.as_bytes(), 200).await?;
        let first = br#"{"selector":{"number":{"$gte":0}},"limit":1}"#;
        self.target.tell("POST", &format!("{}/_find", self.database), first, 200).await?;
        let seconds = start.elapsed().as_secs_f64();
        let about = self.target.tell("GET", self.database, b"", 200).await?;
        Ok(number_behind(&about, "doc_count")? as f64 / seconds)
    }

    /// Asks for what no index knows and no document has.
    async fn scan(&self) -> Outcome<f64> {
        let body = br#"{"selector":{"exact":{"$lt":0}},"limit":25}"#;
        let mut request = Vec::new();
        self.target.write(&mut request, "POST", &format!("{}/_find", self.database), body);
        Ok(whole(self.target, &request).await?.time.as_secs_f64())
    }
}
