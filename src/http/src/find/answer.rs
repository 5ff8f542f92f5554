//! The answer of `_find`, page by page; while one page is sent the next one is being read. Which documents
//! match is the database's.

use std::sync::Arc;
use std::time::Instant;

use refuge_document::json::write_string;
use refuge_query::mango::{Bookmark, ExecutionStatistics, INDEX_SCAN_WARNING_THRESHOLD, warning};
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::node::{Database, FindPage, FindPart, FindQuestion, Findings};
use crate::request_metrics::{RequestMetrics, Warnings};
use crate::stream::ReplySender;

/// Matches of a page; the database ends a page of large ones earlier.
const PAGE_MATCHES: u64 = 2_000;

/// Bytes from which a page is handed on as it is instead of being copied.
const COPIED_BYTES: usize = 16 * 1024;

/// An answer whose first page is known.
pub(super) struct Answer {
    question: FindQuestion,
    findings: Arc<dyn Findings>,
    page: FindPage,
    /// Matches that are still to be passed over, and those that may still follow.
    left: FindPart,
    /// The page that is being read ahead, at most one.
    ahead: JoinSet<Result<FindPage, Failure>>,
    statistics: ExecutionStatistics,
    begun: Instant,
    /// Whether the time that was taken is told: where documents are hidden it could tell of them.
    tells_time: bool,
    last: Option<Bookmark>,
    metrics: Option<Arc<RequestMetrics>>,
}

impl Answer {
    /// Reads the first page, so that what fails can still be told by a status.
    pub(super) async fn begin(
        database: &dyn Database,
        question: FindQuestion,
        metrics: Option<Arc<RequestMetrics>>,
    ) -> Result<Self, Failure> {
        let begun = Instant::now();
        let find = Arc::clone(&question.find);
        let findings = database.find(question.clone()).await?;
        let left = FindPart { after: find.bookmark.clone(), skip: find.skip, limit: find.limit };
        let page = match left.limit {
            0 => FindPage::default(),
            _ => findings.page(page_of(&left)).await?,
        };
        Ok(Self {
            question,
            findings,
            page,
            left,
            ahead: JoinSet::new(),
            statistics: ExecutionStatistics::default(),
            begun,
            tells_time: !database.is_partial(),
            last: None,
            metrics,
        })
    }

    /// Sends the whole answer.
    pub(super) async fn run(mut self, mut sender: ReplySender) -> Result<(), Failure> {
        sender.buffer().extend_from_slice(b"{\"docs\":[");
        let mut separator: &[u8] = b"\r\n";
        loop {
            let page = std::mem::take(&mut self.page);
            self.count(&page);
            self.read_ahead(page.resume);
            if page.returned > 0 {
                self.last = page.last;
                sender.buffer().extend_from_slice(separator);
                separator = b",\r\n";
                if page.documents.len() > COPIED_BYTES {
                    sender.send(page.documents).await?;
                } else {
                    sender.buffer().extend_from_slice(&page.documents);
                    sender.flush_when_full().await?;
                }
            }
            let Some(next) = self.ahead.join_next().await else { break };
            self.page = next.map_err(|error| Failure::Internal(error.to_string()))??;
        }
        self.write_end(sender.buffer());
        sender.flush().await
    }

    fn count(&mut self, page: &FindPage) {
        let documents = match self.question.find.read_quorum {
            1 => &mut self.statistics.documents_examined,
            _ => &mut self.statistics.quorum_documents_examined,
        };
        *documents += page.documents_examined;
        self.statistics.keys_examined += page.keys_examined;
        self.statistics.results_returned += page.returned;
        self.left.skip = self.left.skip.saturating_sub(page.skipped);
        self.left.limit = self.left.limit.saturating_sub(page.returned);
    }

    fn read_ahead(&mut self, resume: Option<Bookmark>) {
        if let Some(after) = resume.filter(|_| self.left.limit > 0) {
            self.left.after = Some(after);
            let (findings, part) = (Arc::clone(&self.findings), page_of(&self.left));
            self.ahead.spawn(async move { findings.page(part).await });
        }
    }

    /// Appends what follows the documents.
    fn write_end(&mut self, out: &mut Vec<u8>) {
        let find = &self.question.find;
        if self.tells_time {
            self.statistics.execution_time_ms = self.begun.elapsed().as_secs_f64() * 1_000.0;
        }
        out.extend_from_slice(b"\r\n],\r\n\"bookmark\": ");
        write_string(out, &find.next_bookmark(self.last.as_ref()));
        if find.execution_statistics {
            out.extend_from_slice(b",\r\n\"execution_stats\": ");
            out.extend_from_slice(self.statistics.to_json().to_string().as_bytes());
        }
        let FindQuestion { plan, index, .. } = &self.question;
        let threshold = INDEX_SCAN_WARNING_THRESHOLD;
        if let Some(metrics) = &self.metrics {
            let warnings = Warnings {
                unindexed: index.is_all_documents(),
                index_not_usable: plan.passed_over.is_some(),
                many_examined: self.statistics.are_many_examined(threshold),
            };
            metrics.count_question(&self.statistics, warnings);
        }
        if let Some(warning) = warning(plan, index, &self.statistics, threshold) {
            out.extend_from_slice(b",\r\n\"warning\": ");
            write_string(out, &warning);
        }
        out.extend_from_slice(b"}\n");
    }
}

fn page_of(left: &FindPart) -> FindPart {
    FindPart { limit: left.limit.min(PAGE_MATCHES), ..left.clone() }
}
