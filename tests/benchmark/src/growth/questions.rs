//! What questions cost at each size: a table with a row for each line and a column for each size.

use std::time::Duration;

use super::{BESIDE, DATABASE};
use crate::Outcome;
use crate::questions::{self, Questions};
use crate::sheet::{Line, Sheet, Telling};
use crate::target::Target;

/// The answers at one size.
pub(super) struct Column {
    documents: u64,
    lines: Vec<Line>,
}

/// Asks all questions at this size.
pub(super) async fn ask(target: &Target, documents: u64, time: Duration) -> Outcome<Column> {
    let questions = Questions { target, database: DATABASE, beside: BESIDE, documents, time };
    eprintln!("at {documents} documents:");
    let mut sheet = Sheet::new(Telling::Progress);
    questions::all(&questions, &mut sheet).await?;
    Ok(Column { documents, lines: sheet.into_lines() })
}

/// Prints the table, unless nothing was asked.
pub(super) fn print(columns: &[Column]) {
    let Some(first) = columns.first() else { return };
    let cells = |cell: &dyn Fn(&Column) -> String| {
        columns.iter().map(|column| format!(" {} |", cell(column))).collect::<String>()
    };
    println!("\n| question |{}", cells(&|column| format!("{} documents", column.documents)));
    println!("|---|{}", cells(&|_| "---".to_owned()));
    for (place, line) in first.lines.iter().enumerate() {
        let value = |column: &Column| column.lines.get(place).map_or_else(String::new, told);
        println!("| `{}`, {} |{}", line.name, line.unit, cells(&value));
    }
}

fn told(line: &Line) -> String {
    match line.value {
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.3}"),
        None => "not told".to_owned(),
    }
}
