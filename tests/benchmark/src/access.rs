//! What a reader sees of a database whose documents say who may read them: 100 documents of many, asked for
//! by a user who is no admin.

use std::time::Duration;

use crate::Outcome;
use crate::documents::{append, id};
use crate::figure::Report;
use crate::rate::repeat;
use crate::target::Target;

/// Documents that the reader may read.
const VISIBLE: u64 = 100;
/// Documents of one request.
const BULK: u64 = 1_000;
/// The reader, and the reader's password.
const READER: &str = "benchmark-reader";
const PASSWORD: &str = "benchmark-secret";

/// What is measured, and where the figures go.
pub(crate) struct Access<'a> {
    pub(crate) target: &'a Target,
    pub(crate) report: &'a Report,
    /// A database that is made and removed.
    pub(crate) database: &'a str,
    pub(crate) documents: u64,
    /// How long each rate is measured.
    pub(crate) time: Duration,
}

/// Measures. The database and the user are gone again afterwards.
pub(crate) async fn all(access: &Access<'_>) -> Outcome<()> {
    let Access { target, database, .. } = access;
    target.ask("PUT", &format!("{database}?access=true"), 201).await?;
    let measured = access.measured().await;
    target.ask("DELETE", database, 200).await?;
    measured
}

impl Access<'_> {
    async fn measured(&self) -> Outcome<()> {
        let (target, database) = (self.target, self.database);
        let told = target.tell("GET", database, b"", 200).await?;
        if !told.contains("\"access\":true") {
            println!("# The server has no permissions on documents.");
            return Ok(());
        }
        let security = format!(r#"{{"members":{{"names":["{READER}"]}}}}"#);
        let path = format!("{database}/_security");
        target.tell("PUT", &path, security.as_bytes(), 200).await?;
        self.load().await?;
        let user = self.make_reader().await?;
        let reader = target.with_password(READER, PASSWORD);
        let measured = self.figures(&reader).await;
        target.ask("DELETE", &user, 200).await?;
        measured
    }

    /// Each of so many is the reader's.
    fn every(&self) -> u64 {
        (self.documents / VISIBLE).max(1)
    }

    async fn load(&self) -> Outcome<()> {
        let every = self.every();
        let path = format!("{}/_bulk_docs", self.database);
        for first in (0..self.documents).step_by(usize::try_from(BULK)?) {
            let mut text = b"{\"docs\":[".to_vec();
            for number in first..self.documents.min(first + BULK) {
                if number > first {
                    text.push(b',');
                }
                let reader = if number % every == 0 { READER } else { "somebody-else" };
                append(&mut text, Some(&id(number)), number);
                text.pop();
                text.extend_from_slice(format!(",\"_access\":[\"{reader}\"]}}").as_bytes());
            }
            text.extend_from_slice(b"]}");
            self.target.tell("POST", &path, &text, 201).await?;
        }
        Ok(())
    }

    /// Makes the user; the path under which the document is deleted.
    async fn make_reader(&self) -> Outcome<String> {
        // It may be there already.
        let _ = self.target.ask("PUT", "/_users", 201).await;
        let path = format!("/_users/org.couchdb.user:{READER}");
        let user =
            format!(r#"{{"type":"user","name":"{READER}","password":"{PASSWORD}","roles":[]}}"#);
        let told = self.target.tell("PUT", &path, user.as_bytes(), 201).await?;
        let revision = told.split("\"rev\":\"").nth(1).and_then(|rest| rest.split('"').next());
        Ok(format!("{path}?rev={}", revision.ok_or("the user's document has no revision")?))
    }

    async fn figures(&self, reader: &Target) -> Outcome<()> {
        let visible = usize::try_from(self.documents.div_ceil(self.every()))?;
        let of = format!("{VISIBLE}_visible_of_{}", self.documents);
        for (figure, path) in [
            ("changes", "_changes"),
            ("changes_with_documents", "_changes?include_docs=true"),
            ("all_docs", "_all_docs"),
        ] {
            let path = format!("{}/{path}", self.database);
            let told = reader.tell("GET", &path, b"", 200).await?;
            let rows = told.matches("\"rev\":").count();
            if rows != visible {
                return Err(format!("{rows} rows were told at {path}, not {visible}").into());
            }
            let to = reader.clone();
            let write = move |_: u64, request: &mut Vec<u8>| to.write(request, "GET", &path, b"");
            let rate = repeat(reader, 1, self.time, 200, write).await?;
            self.report.figure(&format!("{figure}_{of}_p50"), rate.p50_micros / 1e3, "ms");
            self.report.figure(&format!("{figure}_{of}_p99"), rate.p99_micros / 1e3, "ms");
        }
        Ok(())
    }
}
