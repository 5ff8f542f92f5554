//! The whole `_changes` of a database.

use super::Run;
use crate::Outcome;
use crate::cost::Cost;
use crate::rate::{Whole, whole};
use crate::target::Target;

impl Run<'_> {
    pub(super) async fn feed(
        &self,
        database: &str,
        documents: u64,
        with_documents: bool,
    ) -> Outcome<()> {
        let suffix = if with_documents { "_with_documents" } else { "" };
        let name = format!("changes_{documents}{suffix}");
        let cost = Cost::begin(self.process)?;
        let feed = feed(self.target, database, with_documents).await?;
        self.report.figure(&name, feed.time.as_secs_f64(), "seconds");
        self.report.figure(&format!("{name}_size"), feed.bytes as f64, "bytes");
        cost.tell(self.report, &name, documents * feed.rounds, "us_per_row")
    }
}

/// Reads the whole feed a few times.
pub(crate) async fn feed(target: &Target, database: &str, with_documents: bool) -> Outcome<Whole> {
    let query = if with_documents { "?include_docs=true" } else { "" };
    let mut request = Vec::new();
    target.write(&mut request, "GET", &format!("{database}/_changes{query}"), b"");
    whole(target, &request).await
}
