//! A backup of a running node, and its being put back: of small documents, and of attachments.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use super::Operating;
use crate::Outcome;
use crate::documents::DOCUMENT_BYTES;
use crate::load::load;
use crate::measure::noise;
use crate::server::Server;
use crate::target::Target;

/// Documents of the first backup.
const DOCUMENTS: u64 = 200_000;
/// Attachments of the second.
const ATTACHMENTS: u64 = 4_000;
const MIB: f64 = 1024.0 * 1024.0;

impl Operating<'_> {
    pub(super) async fn backups(&self) -> Outcome<()> {
        let server = Server::start(self.command).await?;
        let target = Target::parse(&server.url())?;
        target.ask("PUT", "/documents", 201).await?;
        load(&target, "/documents", 4, 0..DOCUMENTS, None).await?;
        let bytes = DOCUMENTS as f64 * DOCUMENT_BYTES as f64;
        self.there_and_back(&server, "documents", bytes)?;
        target.ask("PUT", "/attachments", 201).await?;
        let mut connection = target.connect().await?;
        let (mut request, mut bytes) = (Vec::new(), 0.0);
        for number in 0..ATTACHMENTS {
            let body = noise(number);
            bytes += body.len() as f64;
            let path = format!("/attachments/{number}/attachment");
            target.write_typed(&mut request, ("PUT", &path), "application/octet-stream", &body);
            connection.exchange(&request).await?.expect(201)?;
        }
        self.there_and_back(&server, "attachments", bytes)
    }

    /// Backs one database up and puts it where no node is; both as mebibytes of what was stored a second.
    fn there_and_back(&self, server: &Server, database: &str, bytes: f64) -> Outcome<()> {
        let folder = TempDir::new()?;
        let file = folder.path().join("backup");
        let file = file.to_str().ok_or("a temporary directory with an odd name")?;
        let rate = |name: &str, root: &Path, words: &[&str]| -> Outcome<()> {
            let begun = Instant::now();
            self.run(root, words)?;
            let rate = bytes / MIB / begun.elapsed().as_secs_f64();
            self.report.figure(&format!("{name}_of_{database}"), rate, "MiB_per_second");
            Ok(())
        };
        rate("backup", server.root(), &["backup", file, database])?;
        rate("restore", &folder.path().join("root"), &["restore", file])?;
        let length = std::fs::metadata(file)?.len() as f64;
        self.report.figure(&format!("backup_length_of_{database}"), length / MIB, "MiB");
        Ok(())
    }

    fn run(&self, root: &Path, words: &[&str]) -> Outcome<()> {
        let program = self.command.split_whitespace().next().ok_or("an empty command")?;
        std::fs::create_dir_all(root)?;
        let mut command = Command::new(program);
        command.args(words).arg("--root").arg(root).stdin(Stdio::null());
        let told = command.output()?;
        if told.status.success() {
            return Ok(());
        }
        Err(format!("{words:?}: {}", String::from_utf8_lossy(&told.stderr)).into())
    }
}
