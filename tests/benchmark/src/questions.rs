//! What applications ask a database: views and selectors, from the first build of their indexes on. All
//! of it is CouchDB's HTTP API.

mod beside;
mod design;
mod selectors;
mod views;

use std::time::Duration;

use crate::Outcome;
use crate::rate::{Rate, repeat};
use crate::sheet::Sheet;
use crate::target::Target;

/// Who is asked about what.
pub(crate) struct Questions<'a> {
    pub(crate) target: &'a Target,
    /// A database with the documents of the numbers below `documents`, and maybe others like them.
    pub(crate) database: &'a str,
    /// Another database, in which is written while an index is being built.
    pub(crate) beside: &'a str,
    pub(crate) documents: u64,
    /// How long each rate is measured.
    pub(crate) time: Duration,
}

/// Asks everything. The design documents and indexes are gone again afterwards.
pub(crate) async fn all(questions: &Questions<'_>, sheet: &mut Sheet<'_>) -> Outcome<()> {
    questions.views(sheet).await?;
    questions.selectors(sheet).await?;
    questions.build_beside_writes(sheet).await
}

impl Questions<'_> {
    /// Sends what `path_and_body` makes of each number as GET, or as POST where there is a body.
    async fn ask<F>(&self, connections: usize, path_and_body: F) -> Outcome<Rate>
    where
        F: Fn(u64) -> (String, String) + Clone + Send + 'static,
    {
        let (target, database) = (self.target.clone(), self.database.to_owned());
        let write = move |number: u64, request: &mut Vec<u8>| {
            let (path, body) = path_and_body(number);
            let method = if body.is_empty() { "GET" } else { "POST" };
            target.write(request, method, &format!("{database}/{path}"), body.as_bytes());
        };
        repeat(self.target, connections, self.time, 200, write).await
    }
}

/// The number that stands behind `member` in a text of JSON: enough for answers whose form is known.
fn number_behind(text: &str, member: &str) -> Outcome<u64> {
    let behind = text.split_once(&format!("\"{member}\":")).map(|(_, behind)| behind);
    let digits = behind.and_then(|behind| behind.split(|byte: char| !byte.is_ascii_digit()).next());
    let digits = digits.ok_or_else(|| format!("no {member} in the answer"))?;
    Ok(digits.parse().map_err(|_| format!("{member} is no number"))?)
}
