//! `refuge manual`: the page of the manual, made from the command line itself.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::Line;
use crate::exit::Failure;

/// Write the page of the manual, as `man` reads it
#[derive(Debug, Args)]
pub(crate) struct Manual {}

impl Manual {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut page = Vec::new();
        let mut line = Line::command();
        line.build();
        let verbs: Vec<_> = line.get_subcommands().cloned().collect();
        let told = Man::new(line.clone()).render(&mut page);
        told.map_err(Failure::Runtime)?;
        for verb in verbs.into_iter().filter(|verb| !verb.is_hide_set()) {
            let section = Man::new(verb.clone());
            let _ = writeln!(page, ".SH \"refuge {}\"", verb.get_name());
            section.render_synopsis_section(&mut page).map_err(Failure::Runtime)?;
            section.render_description_section(&mut page).map_err(Failure::Runtime)?;
            section.render_options_section(&mut page).map_err(Failure::Runtime)?;
        }
        // A reader that went away has seen enough.
        let _ = std::io::stdout().write_all(&page);
        Ok(())
    }
}
