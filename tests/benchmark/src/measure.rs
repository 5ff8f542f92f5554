//! The measurements of one server, one after the other, in databases that are removed afterwards.

mod attachments;
mod bulks;
mod feeds;
mod singles;

pub(crate) use attachments::noise;
pub(crate) use feeds::feed;
pub(crate) use singles::{reading, writing};

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;

use crate::Outcome;
use crate::access::{self, Access};
use crate::choosing::{self, Choosing};
use crate::cost::Cost;
use crate::databases;
use crate::disk;
use crate::figure::Report;
use crate::operating::{self, Operating};
use crate::people;
use crate::process::Process;
use crate::questions::{self, Questions};
use crate::rate::{Rate, repeat};
use crate::replicating::{self, Replicating};
use crate::sheet::{Sheet, Telling};
use crate::target::Target;

/// Databases that are made and removed.
const MANY_DATABASES: u64 = 1_000;
/// Documents for which CouchDB's figures of questions are known.
const REFERENCE_DOCUMENTS: u64 = 100_000;

/// A group of figures that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Single documents that are written.
    Writes,
    /// 1,000 databases.
    Databases,
    /// Single documents that are read.
    Reads,
    /// The whole feed.
    Changes,
    /// Attachments in and out.
    Attachments,
    /// Documents that are written while the server compacts.
    Compaction,
    /// Views and selectors.
    Questions,
    /// Replications of 500 chosen documents.
    Choosing,
    /// Whole replications and live ones.
    Replicating,
    /// Reads with and without credentials, and guesses of passwords.
    People,
    /// 100 documents of many, as a reader sees them.
    Access,
    /// Starts, backups, the console and the metrics of nodes that --command starts.
    Operating,
}

/// What is measured, and where the figures go.
pub(crate) struct Run<'a> {
    pub(crate) target: &'a Target,
    /// The server's process, where it is known.
    pub(crate) process: Option<&'a Process>,
    /// The server's files, where they are known.
    pub(crate) data: Option<&'a Path>,
    pub(crate) report: &'a Report,
    /// How long each rate is measured.
    pub(crate) time: Duration,
    /// How another such server is started, where it is known.
    pub(crate) command: Option<&'a str>,
    /// In this order, after the documents have been loaded in bulk.
    pub(crate) parts: &'a [Part],
}

/// Everything, with so many documents whose changes are read and that are asked about.
pub(crate) async fn all(run: &Run<'_>, documents: u32) -> Outcome<()> {
    let name = format!("/benchmark-{}", std::process::id());
    let names = ["single", "many", "attachments"].map(|part| format!("{name}-{part}"));
    for name in &names {
        run.target.ask("PUT", name, 201).await?;
    }
    let result = run.parts(&names, u64::from(documents)).await;
    for name in &names {
        run.target.ask("DELETE", name, 200).await?;
    }
    result
}

impl Run<'_> {
    async fn parts(&self, names: &[String; 3], documents: u64) -> Outcome<()> {
        let [single, many, attachments] = names;
        // First, since nothing else may stand on the disk that is compared.
        let loaded = self.bulks_on_disk(many, documents).await?;
        for part in self.parts {
            match part {
                Part::Writes => self.writes(single).await?,
                Part::Databases => self.databases().await?,
                Part::Reads => self.reads(many, loaded).await?,
                Part::Changes => {
                    self.feed(many, loaded, false).await?;
                    self.feed(many, loaded, true).await?;
                }
                Part::Attachments => self.attachments(attachments).await?,
                Part::Compaction => {
                    // CouchDB's memory was looked at before anything like this.
                    self.memory("after")?;
                    self.writes_while_compacting(single).await?;
                    self.memory("after_compaction")?;
                }
                Part::Questions => {
                    self.questions(many, single, loaded).await?;
                    self.memory("after_questions")?;
                }
                Part::Choosing => {
                    let (target, report) = (self.target, self.report);
                    let chosen = Choosing { target, report, database: many, documents: loaded };
                    choosing::all(&chosen).await?;
                }
                Part::Replicating => {
                    let (target, report, command) = (self.target, self.report, self.command);
                    let (database, documents) = (many.as_str(), loaded);
                    let all = Replicating { target, report, database, documents, command };
                    replicating::all(&all).await?;
                }
                Part::People => people::all(self, many, loaded).await?,
                Part::Access => {
                    let (target, report, time) = (self.target, self.report, self.time);
                    let database = &format!("{single}-access");
                    let access = Access { target, report, database, documents: loaded, time };
                    access::all(&access).await?;
                }
                Part::Operating => self.operating().await?,
            }
        }
        Ok(())
    }

    async fn databases(&self) -> Outcome<()> {
        databases::create(self.target, self.process, self.report, MANY_DATABASES).await?;
        databases::remove(self.target, MANY_DATABASES).await
    }

    async fn operating(&self) -> Outcome<()> {
        let (Some(command), report, time) = (self.command, self.report, self.time) else {
            println!(
                "# How a node is started is not known (--command): no figures of running one."
            );
            return Ok(());
        };
        operating::all(&Operating { command, report, time }).await
    }

    /// Loads the documents, and tells what the server's files have grown by once they are at rest.
    async fn bulks_on_disk(&self, database: &str, documents: u64) -> Outcome<u64> {
        let Some(data) = self.data else {
            println!(
                "# The server's directory is not known (--directory): no figures of its disk."
            );
            return self.bulks(database, documents).await;
        };
        let before = disk::allocated(data)?;
        let loaded = self.bulks(database, documents).await?;
        let after = disk::allocated_at_rest(data).await?;
        let name = format!("disk_of_{loaded}_documents_without_journal");
        let grown = after.mebibytes_without_journal() - before.mebibytes_without_journal();
        self.report.figure(&name, grown, "MiB");
        self.report.figure("disk_of_journal", after.mebibytes_of_journal(), "MiB");
        Ok(loaded)
    }

    async fn questions(&self, database: &str, beside: &str, documents: u64) -> Outcome<()> {
        let telling = if documents == REFERENCE_DOCUMENTS {
            Telling::Compared(self.report)
        } else {
            Telling::Plain
        };
        let questions =
            Questions { target: self.target, database, beside, documents, time: self.time };
        questions::all(&questions, &mut Sheet::new(telling)).await
    }

    /// The server's memory now, and the most it ever took.
    pub(crate) fn memory(&self, when: &str) -> Outcome<()> {
        let Some(process) = self.process else { return Ok(()) };
        let name = format!("resident_memory_{when}");
        self.report.figure(&name, process.resident_mebibytes()?, "MiB");
        self.report.figure(&format!("{name}_highest_so_far"), process.highest_mebibytes()?, "MiB");
        Ok(())
    }

    /// A rate with its latencies and with what it costs both sides.
    async fn measure<W>(
        &self,
        name: &str,
        connections: usize,
        status: u16,
        write: W,
    ) -> Outcome<Rate>
    where
        W: Fn(u64, &mut Vec<u8>) + Clone + Send + 'static,
    {
        let cost = Cost::begin(self.process)?;
        let rate = repeat(self.target, connections, self.time, status, write).await?;
        self.rate(name, rate);
        cost.tell(self.report, name, rate.count, "us_per_request")?;
        Ok(rate)
    }

    fn rate(&self, name: &str, rate: Rate) {
        self.report.figure(name, rate.per_second, "per_second");
        self.report.figure(&format!("{name}_p50"), rate.p50_micros, "us");
        self.report.figure(&format!("{name}_p99"), rate.p99_micros, "us");
        self.report.figure(&format!("{name}_longest"), rate.longest_micros, "us");
        self.report.figure(&format!("{name}_client_cpu"), rate.client_micros, "us_per_request");
    }
}
