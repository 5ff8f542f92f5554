//! JSON values as the built-in functions need them: numbers exact, members in their order.

use refuge_document::json::{JsonError, Token, Tokens, tokens, write_string};

use super::Failure;
use super::number::Number;

/// A JSON value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Number(Number),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
    /// A string, `true`, `false` or `null`: its text.
    Other(String),
}

impl Value {
    /// The value of a row or a reduction; both are JSON of our own making.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Failure> {
        let parsed = tokens(text).map_err(Broken::from).and_then(|mut tokens| {
            let value = value(&mut tokens)?;
            tokens.next().transpose()?;
            Ok(value)
        });
        parsed.map_err(|Broken| Failure::invalid_value("a value is not JSON".to_owned()))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => number.write(out),
            Self::Other(text) => out.extend_from_slice(text.as_bytes()),
            Self::Array(elements) => {
                out.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    element.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(out, name);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    pub(super) fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// The member of this name, if it is an object that has one.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

/// Not JSON.
struct Broken;

impl From<JsonError> for Broken {
    fn from(_: JsonError) -> Self {
        Self
    }
}

fn value(tokens: &mut Tokens<'_>) -> Result<Value, Broken> {
    let token = tokens.next().ok_or(Broken)??;
    begun(token, tokens)
}

/// The value that begins with this token.
fn begun(token: Token<'_>, tokens: &mut Tokens<'_>) -> Result<Value, Broken> {
    Ok(match token {
        Token::Null => Value::Other("null".to_owned()),
        Token::Boolean(boolean) => Value::Other(boolean.to_string()),
        Token::Number(text) => Value::Number(Number::parse(text).ok_or(Broken)?),
        Token::String(text) => {
            let mut out = Vec::with_capacity(text.len() + 2);
            write_string(&mut out, &text);
            Value::Other(String::from_utf8(out).map_err(|_| Broken)?)
        }
        Token::ArrayStart => {
            let mut elements = Vec::new();
            loop {
                match tokens.next().ok_or(Broken)?? {
                    Token::ArrayEnd => break Value::Array(elements),
                    first => elements.push(begun(first, tokens)?),
                }
            }
        }
        Token::ObjectStart => {
            let mut members = Vec::new();
            loop {
                match tokens.next().ok_or(Broken)?? {
                    Token::Name(name) => members.push((name.into_owned(), value(tokens)?)),
                    _ => break Value::Object(members),
                }
            }
        }
        Token::ArrayEnd | Token::ObjectEnd | Token::Name(_) => return Err(Broken),
    })
}
