//! Documents that are loaded with `_bulk_docs`.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::Outcome;
use crate::documents::bulk;
use crate::target::Target;

/// Documents in one `_bulk_docs`.
pub(crate) const BULK: u64 = 1_000;

/// Loads documents of these numbers over so many connections; how many are in when all are or `limit` is
/// over: the first ones without a gap.
pub(crate) async fn load(
    target: &Target,
    database: &str,
    connections: usize,
    documents: Range<u64>,
    limit: Option<Instant>,
) -> Outcome<u64> {
    let next = Arc::new(AtomicU64::new(documents.start));
    let mut loaders = Vec::new();
    for _ in 0..connections {
        let (target, next, end) = (target.clone(), next.clone(), documents.end);
        let path = format!("{database}/_bulk_docs");
        let mut connection = target.connect().await?;
        loaders.push(tokio::spawn(async move {
            let (mut request, mut done) = (Vec::new(), 0);
            while limit.is_none_or(|limit| Instant::now() < limit) {
                let first = next.fetch_add(BULK, Ordering::Relaxed);
                if first >= end {
                    break;
                }
                let count = BULK.min(end - first);
                target.write(&mut request, "POST", &path, &bulk(first, count));
                connection.exchange(&request).await?.expect(201)?;
                done += count;
            }
            Ok::<u64, Box<dyn std::error::Error + Send + Sync>>(done)
        }));
    }
    let mut done = 0;
    for loader in loaders {
        done += loader.await??;
    }
    Ok(done)
}
