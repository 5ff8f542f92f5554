//! A line that was typed, as a command.

use crate::protocol::Request;

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Nothing was typed.
    #[error("nothing was typed; help tells what there is")]
    Empty,
    /// A quotation mark stands alone.
    #[error("a quotation mark has no other end")]
    OpenQuotation,
}

/// Takes a line apart as a shell would: words between blanks, quotation marks around what holds some.
///
/// # Errors
/// [`LineError`].
pub fn parse_line(line: &str) -> Result<Request, LineError> {
    let words = shell_words::split(line).map_err(|_| LineError::OpenQuotation)?;
    let mut words = words.into_iter();
    let command = words.next().ok_or(LineError::Empty)?;
    Ok(Request { command, arguments: words.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell() {
        let request = parse_line(r#"  replicate start '{"source": "a b"}'  "#).unwrap();
        assert_eq!(request.command, "replicate");
        assert_eq!(request.arguments, ["start", r#"{"source": "a b"}"#]);
        assert_eq!(parse_line("  "), Err(LineError::Empty));
        assert_eq!(parse_line("kill 'x"), Err(LineError::OpenQuotation));
    }
}
