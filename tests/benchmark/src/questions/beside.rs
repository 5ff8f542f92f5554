//! What writes feel of an index that is being built.

use std::time::Duration;

use super::Questions;
use super::design::Design;
use crate::Outcome;
use crate::measure::writing;
use crate::rate::{repeat, repeat_during};
use crate::sheet::{Sheet, built};

/// Two maps, so that the build takes a while.
const BESIDE: Design = Design {
    name: "benchmark-beside",
    views: r#"{"texts":{"map":"function (doc) { emit(doc.text, doc.exact); }","reduce":"_stats"},
"tags":{"map":"function (doc) { doc.tags.forEach(function (tag) { emit([tag, doc.number], 1); }); }",
"reduce":"_count"}}"#,
    view: "texts",
};

/// Connections that write meanwhile.
const WRITERS: usize = 16;
/// So long is written alone at least. Memory tables are flushed and merged every few seconds, and a shorter time
/// would not meet what the writes themselves cost one another, while every build does.
const ALONE: Duration = Duration::from_secs(12);
/// So long is written beside the build: one that lasts longer goes on alone and is not told.
const LONGEST: Duration = Duration::from_secs(60);

impl Questions<'_> {
    /// Writes to another database alone, and then while an index is built.
    pub(super) async fn build_beside_writes(&self, sheet: &mut Sheet<'_>) -> Outcome<()> {
        let writing_to = |when: &str| {
            writing(self.target, &format!("{}/{when}-{}-", self.beside, self.documents))
        };
        let alone = writing_to("before-build");
        let alone = repeat(self.target, WRITERS, self.time.max(ALONE), 201, alone).await?;
        let during = writing_to("during-build");
        let building = tokio::time::timeout(LONGEST, self.build(BESIDE));
        let (during, build) = repeat_during(self.target, WRITERS, 201, during, building).await?;
        self.remove(BESIDE).await?;
        let (build, is_built) = match build {
            Ok(build) => built(build).map(|build| (build, build.is_some()))?,
            Err(_) => (None, true),
        };
        sheet.add("view_build_beside_writes", "documents_per_second", build);
        sheet.add("put_16_alone_p99", "us", Some(alone.p99_micros));
        let known = |value: f64| is_built.then_some(value);
        sheet.add("put_16_beside_view_build_p99", "us", known(during.p99_micros));
        sheet.add("put_16_beside_view_build_longest", "us", known(during.longest_micros));
        let raised = during.p99_micros / alone.p99_micros;
        sheet.add("put_p99_raised_by_view_build", "times", known(raised));
        Ok(())
    }
}
