//! Single documents that are written and read, in quiet and while the server rearranges what it stores.

use super::Run;
use crate::Outcome;
use crate::documents::{append, id, spread};
use crate::rate::repeat_during;
use crate::target::Target;

/// Connections: one, and more than a server has processors.
const CONNECTIONS: [usize; 2] = [1, 64];
/// Connections that write while the server compacts.
const WRITERS: usize = 64;
/// That is measured so many times longer than other rates: memtables are to fill again and again.
const LONGER: u32 = 4;

impl Run<'_> {
    pub(super) async fn writes(&self, database: &str) -> Outcome<()> {
        for connections in CONNECTIONS {
            let write = writing(self.target, &format!("{database}/at-{connections}-"));
            self.measure(&format!("put_{connections}"), connections, 201, write).await?;
        }
        Ok(())
    }

    pub(super) async fn reads(&self, database: &str, documents: u64) -> Outcome<()> {
        for connections in CONNECTIONS {
            let read = reading(self.target, database, documents);
            self.measure(&format!("get_{connections}"), connections, 200, read).await?;
        }
        Ok(())
    }

    /// Writes go on, and in the middle of them the database is told to compact.
    pub(super) async fn writes_while_compacting(&self, database: &str) -> Outcome<()> {
        let half = self.time * LONGER / 2;
        let compaction = async {
            tokio::time::sleep(half).await;
            let path = format!("{database}/_compact");
            let asked = self.target.tell("POST", &path, b"{}", 202).await;
            tokio::time::sleep(half).await;
            asked
        };
        let write = writing(self.target, &format!("{database}/longer-"));
        let (rate, asked) = repeat_during(self.target, WRITERS, 201, write, compaction).await?;
        asked?;
        self.rate(&format!("put_{WRITERS}_while_compacting"), rate);
        Ok(())
    }
}

/// The request that writes the `number`-th new document; its path begins with `path`.
pub(crate) fn writing(
    target: &Target,
    path: &str,
) -> impl Fn(u64, &mut Vec<u8>) + Clone + Send + use<> {
    let (target, path) = (target.clone(), path.to_owned());
    move |number, request| {
        let mut body = Vec::with_capacity(512);
        append(&mut body, None, number);
        target.write(request, "PUT", &format!("{path}{}", id(number)), &body);
    }
}

/// The request that reads one of so many documents of a database.
pub(crate) fn reading(
    target: &Target,
    database: &str,
    documents: u64,
) -> impl Fn(u64, &mut Vec<u8>) + Clone + Send + use<> {
    let (target, path) = (target.clone(), format!("{database}/"));
    move |number, request| {
        target.write(request, "GET", &format!("{path}{}", id(spread(number, documents))), b"");
    }
}
