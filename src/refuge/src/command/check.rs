//! `refuge check`: everything that is on disk, compared with everything else, while no node runs.

use std::io::{self, Write};

use clap::Args;
use refuge_config::Layout;
use refuge_storage::{Checked, Options};

use super::Root;
use crate::exit::Failure;

/// Check every record of a stopped node's data; ends with 65 when something is wrong
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    root: Root,
}

impl Check {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let path = Layout::new(self.root.absolute()?).data();
        if !path.is_dir() {
            let source = io::Error::from(io::ErrorKind::NotFound);
            return Err(Failure::NoData { path, source });
        }
        let mut output = io::stdout().lock();
        // A reader that went away has seen enough; the exit code tells the rest.
        let checked = refuge_storage::check(Options::new(path), &mut |problem| {
            let _ = writeln!(output, "{problem}");
        })?;
        let _ = writeln!(output, "{}", counted(&checked));
        match checked.problems {
            0 => Ok(()),
            problems => Err(Failure::Damaged(problems)),
        }
    }
}

fn counted(checked: &Checked) -> String {
    let Checked {
        files,
        databases,
        documents,
        bodies,
        locals,
        contents,
        content_bytes,
        garbage,
        problems,
    } = checked;
    format!(
        "{files} files, {databases} databases, {documents} documents, {bodies} bodies, {locals} local \
         documents, {contents} attachments' contents of {content_bytes} bytes, {garbage} things that \
         wait to leave: {problems} problems"
    )
}
