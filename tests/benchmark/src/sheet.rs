//! Figures that a server may not have: each is a line, and one whose endpoint answers 501 says so.

use crate::Outcome;
use crate::connection::Unexpected;
use crate::figure::{Report, print};
use crate::rate::Rate;

/// What a server answers for what it does not have (RFC 9110, 15.6.2).
const NOT_IMPLEMENTED: u16 = 501;

/// A figure, or that there is none.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// `None`: the server has not built it.
    pub(crate) value: Option<f64>,
}

/// How the lines of a sheet are told as they come.
#[derive(Clone, Copy)]
pub(crate) enum Telling<'a> {
    /// Beside CouchDB's figures.
    Compared(&'a Report),
    /// As they are, since CouchDB's were measured with another number of documents.
    Plain,
    /// On standard error, as they come: a table of them follows on standard output.
    Progress,
}

/// Lines that were measured one after the other.
pub(crate) struct Sheet<'a> {
    telling: Telling<'a>,
    lines: Vec<Line>,
}

impl<'a> Sheet<'a> {
    pub(crate) fn new(telling: Telling<'a>) -> Self {
        Self { telling, lines: Vec::new() }
    }

    /// All lines in the order in which they came.
    pub(crate) fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    /// Adds a line. An answer of 501 is one that says so; any other failure ends the measurement.
    pub(crate) fn tell(
        &mut self,
        name: &'static str,
        unit: &'static str,
        value: Outcome<f64>,
    ) -> Outcome<()> {
        let value = built(value)?;
        self.add(name, unit, value);
        Ok(())
    }

    /// Adds the median latency in milliseconds, and with a second name the 99th percentile.
    pub(crate) fn tell_latency(
        &mut self,
        p50: &'static str,
        p99: Option<&'static str>,
        rate: Outcome<Rate>,
    ) -> Outcome<()> {
        let rate = built(rate)?;
        self.add(p50, "ms", rate.map(|rate| rate.p50_micros / 1e3));
        if let Some(p99) = p99 {
            self.add(p99, "ms", rate.map(|rate| rate.p99_micros / 1e3));
        }
        Ok(())
    }

    /// Adds a line with its value, where there is one.
    pub(crate) fn add(&mut self, name: &'static str, unit: &'static str, value: Option<f64>) {
        match (self.telling, value) {
            (Telling::Progress, Some(value)) => eprintln!("{name} {value} {unit}"),
            (Telling::Progress, None) => eprintln!("{name} not told"),
            (Telling::Compared(report), Some(value)) => report.figure(name, value, unit),
            (Telling::Plain, Some(value)) => print(name, value, unit, ""),
            (Telling::Compared(_) | Telling::Plain, None) => {
                println!("{name} not told: not built (501), or too slow")
            }
        }
        self.lines.push(Line { name, unit, value });
    }
}

/// What was measured, or nothing where the server answered that it does not have that.
pub(crate) fn built<T>(outcome: Outcome<T>) -> Outcome<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.downcast_ref::<Unexpected>() {
            Some(answer) if answer.status == NOT_IMPLEMENTED => Ok(None),
            _ => Err(error),
        },
    }
}
