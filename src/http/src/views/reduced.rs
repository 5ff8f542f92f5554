//! The reductions of a view, page by page. How rows are grouped is asked by the parameters; how they are
//! reduced is the view's.

use std::sync::Arc;

use super::parameters::Parameters;
use super::rows::write_update_sequence;
use crate::failure::Failure;
use crate::node::{Database, View, ViewGroupsPage, ViewPart};
use crate::row_sink::{RowSink, Separated};
use crate::stream::ReplySender;

/// Groups of a page; the view ends a page of large groups earlier.
const PAGE_GROUPS: usize = 1_000;

/// Reductions whose first page is known.
pub(super) struct Reduced {
    database: Arc<dyn Database>,
    view: Arc<dyn View>,
    parameters: Parameters,
    page: ViewGroupsPage,
    part: ViewPart,
}

impl Reduced {
    /// Reads up to the first groups, so that what fails can still be told by a status.
    pub(super) async fn begin(
        database: Arc<dyn Database>,
        view: Arc<dyn View>,
        parameters: Parameters,
    ) -> Result<Self, Failure> {
        let part = parameters.part();
        let page = view.groups(page_of(&part), parameters.level()).await?;
        Ok(Self { database, view, parameters, page, part })
    }

    /// Writes the whole answer.
    pub(super) async fn run(self, sender: &mut ReplySender) -> Result<(), Failure> {
        sender.buffer().push(b'{');
        self.write_head(sender.buffer());
        sender.buffer().extend_from_slice(b"\"rows\":[\r\n");
        self.walk(&mut Separated::new(sender)).await?;
        sender.buffer().extend_from_slice(b"\r\n]}");
        sender.flush_when_full().await
    }

    /// Appends what is told before the first reduction, each member with a comma behind it.
    pub(super) fn write_head(&self, out: &mut Vec<u8>) {
        if self.parameters.update_seq {
            write_update_sequence(out, self.view.as_ref(), self.database.as_ref());
        }
    }

    /// Writes all reductions.
    pub(super) async fn walk(mut self, sink: &mut impl RowSink) -> Result<(), Failure> {
        loop {
            let page = &self.page;
            for group in &page.groups {
                let out = sink.open().buffer();
                out.extend_from_slice(b"{\"key\":");
                out.extend_from_slice(group.key.as_deref().unwrap_or(b"null"));
                out.extend_from_slice(b",\"value\":");
                out.extend_from_slice(&group.value);
                out.push(b'}');
                sink.close().await?;
            }
            self.part.limit = self.part.limit.saturating_sub(page.groups.len());
            self.part.skip = self.part.skip.saturating_sub(page.skipped);
            let next = self.page.resume.take().filter(|_| self.part.limit > 0);
            let Some(next) = next else { return Ok(()) };
            self.part.after = Some(next);
            self.page = self.view.groups(page_of(&self.part), self.parameters.level()).await?;
        }
    }
}

fn page_of(part: &ViewPart) -> ViewPart {
    ViewPart { limit: part.limit.min(PAGE_GROUPS), ..part.clone() }
}
