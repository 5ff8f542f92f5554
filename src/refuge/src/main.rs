//! The binary: reads the command line and hands over. `foreground` starts the root supervisor and
//! waits; the other verbs speak to a running node over its console's socket. Nothing else lives here.

mod allocator;
mod command;
mod directories;
mod exit;
mod logging;
mod release;
mod service;
mod sockets;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Documents are parsed on one thread, committed and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    allocator::give_back_soon();
    sockets::inherit();
    let line = match command::Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version are answers, all else is a wrong command line.
            let code = if error.use_stderr() { exit::USAGE } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match line.verb.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Not through the log: what ends the command is told however little is logged.
            let _ = writeln!(std::io::stderr(), "refuge: {}", failure.sentence());
            ExitCode::from(failure.code())
        }
    }
}
