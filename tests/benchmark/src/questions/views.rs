//! Map/reduce views: how fast they are built, and how fast they answer.

use super::Questions;
use super::design::Design;
use crate::Outcome;
use crate::documents::spread;
use crate::rate::whole;
use crate::sheet::Sheet;

/// One row a document, summed up by the server itself.
const SUM: Design = Design {
    name: "benchmark-sum",
    views: r#"{"rows":{"map":"function (doc) { emit(doc.number, doc.number); }","reduce":"_sum"}}"#,
    view: "rows",
};

/// The same, summed up by a function.
const SCRIPT: Design = Design {
    name: "benchmark-script",
    views: r#"{"rows":{"map":"function (doc) { emit(doc.number, doc.number); }",
"reduce":"function (keys, values, rereduce) { return sum(values); }"}}"#,
    view: "rows",
};

/// 100 groups of rows, summed up in both ways.
const GROUPS: Design = Design {
    name: "benchmark-groups",
    views: r#"{"sum":{"map":"function (doc) { emit([doc.number % 100, doc.number], doc.number); }",
"reduce":"_sum"},
"script":{"map":"function (doc) { emit([doc.number % 100, doc.number], doc.number); }",
"reduce":"function (keys, values, rereduce) { return sum(values); }"}}"#,
    view: "sum",
};

const SUM_ROWS: &str = "_design/benchmark-sum/_view/rows";
const SUM_GROUPS: &str = "_design/benchmark-groups/_view/sum";
const SCRIPT_GROUPS: &str = "_design/benchmark-groups/_view/script";

/// Rows of a page.
const PAGE: u64 = 100;
/// Connections that ask for pages side by side.
const READERS: usize = 16;
/// Keys of one question.
const KEYS: u64 = 10_000;

impl Questions<'_> {
    pub(super) async fn views(&self, sheet: &mut Sheet<'_>) -> Outcome<()> {
        const UNIT: &str = "documents_per_second";
        sheet.tell("view_build_sum", UNIT, self.build(SUM).await)?;
        sheet.tell("view_build_script", UNIT, self.build(SCRIPT).await)?;
        sheet.tell("view_build_groups", UNIT, self.build(GROUPS).await)?;
        self.reductions(sheet).await?;
        self.rows(sheet).await?;
        for design in [SUM, SCRIPT, GROUPS] {
            self.remove(design).await?;
        }
        Ok(())
    }

    async fn reductions(&self, sheet: &mut Sheet<'_>) -> Outcome<()> {
        let documents = self.documents;
        let get = |path: String| (path, String::new());
        let all = self.ask(1, move |_| get(SUM_ROWS.to_owned())).await;
        sheet.tell_latency("view_reduce_whole_p50", Some("view_reduce_whole_p99"), all)?;
        let range = self.ask(1, move |number| {
            let one = spread(number, documents);
            let other = spread(number.wrapping_mul(104_729), documents);
            let (start, end) = (one.min(other), one.max(other));
            get(format!("{SUM_ROWS}?startkey={start}&endkey={end}"))
        });
        let range = range.await;
        sheet.tell_latency("view_reduce_range_p50", Some("view_reduce_range_p99"), range)?;
        for (view, name) in
            [(SUM_GROUPS, "view_groups_100_sum_p50"), (SCRIPT_GROUPS, "view_groups_100_script_p50")]
        {
            let groups = self.ask(1, move |_| get(format!("{view}?group_level=1"))).await;
            sheet.tell_latency(name, None, groups)?;
        }
        Ok(())
    }

    async fn rows(&self, sheet: &mut Sheet<'_>) -> Outcome<()> {
        let documents = self.documents;
        let page = move |number| {
            let start = spread(number, documents.saturating_sub(PAGE));
            let path = format!("{SUM_ROWS}?reduce=false&limit={PAGE}&startkey={start}");
            (path, String::new())
        };
        sheet.tell_latency(
            "view_rows_100_p50",
            Some("view_rows_100_p99"),
            self.ask(1, page).await,
        )?;
        let many = self.ask(READERS, page).await.map(|rate| rate.per_second);
        sheet.tell("view_rows_100_at_16", "per_second", many)?;
        sheet.tell("view_keys_10000", "seconds", self.keys().await)
    }

    /// Rows of many keys that stand far apart.
    async fn keys(&self) -> Outcome<f64> {
        let keys: Vec<String> =
            (0..KEYS).map(|number| spread(number, self.documents).to_string()).collect();
        let body = format!("{{\"keys\":[{}]}}", keys.join(","));
        let path = format!("{}/{SUM_ROWS}?reduce=false", self.database);
        let mut request = Vec::new();
        self.target.write(&mut request, "POST", &path, body.as_bytes());
        Ok(whole(self.target, &request).await?.time.as_secs_f64())
    }
}
