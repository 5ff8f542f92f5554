//! Lists, whose rows and pieces stream.

use std::cell::RefCell;
use std::rc::Rc;

use refuge_sandbox::{Error, Functions, Gone, Limits, ListStream, ResponseHead};
use serde_json::json;

use crate::fixture::functions;

#[derive(Debug, PartialEq)]
enum Event {
    Start(u16, Vec<(String, String)>),
    Send(String),
    Row,
    End,
}

/// Gives rows 1, 2, 3… and notes what happens.
struct Recorder {
    rows: usize,
    given: usize,
    events: Rc<RefCell<Vec<Event>>>,
    /// After this many events nobody reads any more.
    patience: usize,
}

impl Recorder {
    fn note(&self, event: Event) -> Result<(), Gone> {
        let mut events = self.events.borrow_mut();
        if events.len() >= self.patience {
            return Err(Gone);
        }
        events.push(event);
        Ok(())
    }
}

impl ListStream for Recorder {
    fn start(&mut self, head: ResponseHead) -> Result<(), Gone> {
        self.note(Event::Start(head.code, head.headers))
    }

    fn send(&mut self, chunk: String) -> Result<(), Gone> {
        self.note(Event::Send(chunk))
    }

    fn row(&mut self) -> Result<Option<String>, Gone> {
        if self.given == self.rows {
            self.note(Event::End)?;
            return Ok(None);
        }
        self.note(Event::Row)?;
        self.given += 1;
        Ok(Some(json!({"id": "d", "key": self.given, "value": null}).to_string()))
    }
}

fn list_with(
    functions: &mut Functions,
    request: &str,
    rows: usize,
    patience: usize,
) -> (Result<(), Error>, Vec<Event>) {
    let events = Rc::new(RefCell::new(Vec::new()));
    let recorder = Recorder { rows, given: 0, events: Rc::clone(&events), patience };
    let done = functions.list("l", r#"{"total_rows":9}"#, request, Box::new(recorder));
    let events = events.take();
    (done, events)
}

fn list(source: &str, rows: usize) -> (Result<(), Error>, Vec<Event>) {
    list_with(&mut functions(&json!({"lists": {"l": source}})), "{}", rows, usize::MAX)
}

fn html() -> Vec<(String, String)> {
    vec![("Content-Type".into(), "text/html".into())]
}

#[test]
fn pieces_are_sent_as_rows_are_asked_for() {
    let (done, events) = list(
        "function (head, req) {
           start({code: 201, headers: {'Content-Type': 'text/html'}});
           send('<' + head.total_rows + '>');
           var row;
           while (row = getRow()) { send(row.key); send(','); }
           return 'end';
         }",
        2,
    );
    assert_eq!(done, Ok(()));
    assert_eq!(
        events,
        vec![
            Event::Start(201, html()),
            Event::Send("<9>".into()),
            Event::Row,
            Event::Send("1,".into()),
            Event::Row,
            Event::Send("2,".into()),
            Event::End,
            Event::Send("end".into()),
        ]
    );
}

#[test]
fn a_list_that_asks_for_no_row_answers_too() {
    let (done, events) = list("function (head, req) { return 'all'; }", 2);
    assert_eq!(done, Ok(()));
    let json = vec![("Content-Type".into(), "application/json".into())];
    assert_eq!(events, vec![Event::Start(200, json), Event::Send("all".into())]);
}

#[test]
fn after_the_last_row_there_is_none() {
    let (done, events) = list("function () { while (getRow()); getRow(); getRow(); }", 1);
    assert_eq!(done, Ok(()));
    assert_eq!(events[1..], [Event::Row, Event::End]);
}

#[test]
fn a_list_provides_what_is_asked_for() {
    let mut functions = functions(&json!({"lists": {"l": "function (head, req) {
        provides('html', function () { while (getRow()) send('h'); });
        provides('csv', function () { var row; while (row = getRow()) send(row.key + ';'); });
    }"}}));
    let (done, events) = list_with(&mut functions, r#"{"query":{"format":"csv"}}"#, 1, usize::MAX);
    assert_eq!(done, Ok(()));
    let csv = vec![("Content-Type".into(), "text/csv".into())];
    assert_eq!(
        events,
        vec![Event::Start(200, csv), Event::Row, Event::Send("1;".into()), Event::End]
    );
}

#[test]
fn errors_come_before_the_answer_begins_or_in_its_midst() {
    let (done, events) = list("function () { throw ['error', 'a', 'b']; }", 1);
    assert_eq!(done.unwrap_err().name(), "a");
    assert!(events.is_empty());
    let (done, events) = list("function () { getRow(); nothing(); }", 1);
    assert_eq!(done.unwrap_err().name(), "render_error");
    assert_eq!(events.len(), 2);
    let (done, events) = list("function () { start({code: 7}); getRow(); }", 1);
    assert_eq!(done.unwrap_err().name(), "external_response_error");
    assert!(events.is_empty());
}

#[test]
fn a_list_that_nobody_reads_ends_whatever_it_does() {
    let source = "function () { for (;;) { try { getRow(); send('x'); } catch (e) {} } }";
    let mut functions = functions(&json!({"lists": {"l": source}}));
    let (done, _) = list_with(&mut functions, "{}", usize::MAX, 10);
    assert_eq!(done, Err(Error::Gone));
    let (done, _) = list_with(&mut functions, "{}", usize::MAX, 10);
    assert_eq!(done, Err(Error::Gone));
    let source = "function () { while (getRow()) send('x'); }";
    let mut functions = self::functions(&json!({"lists": {"l": source}}));
    let (done, _) = list_with(&mut functions, "{}", usize::MAX, 10);
    assert_eq!(done, Err(Error::Gone));
    assert!(functions.take_log().is_empty(), "a reader that goes away is no fault of the function");
}

#[test]
fn a_list_may_take_its_time_between_rows_only() {
    let (done, _) = list("function () { getRow(); for (;;); }", 1);
    assert!(matches!(done, Err(Error::Time(_))), "{done:?}");
}

#[test]
fn a_list_that_floods_its_reader_ends() {
    let (done, _) = list(
        "function () { var s = 'x'.repeat(1 << 20); for (var i = 0; i < 9; i++) send(s); getRow(); }",
        1,
    );
    assert!(matches!(done, Err(Error::Output(_))), "{done:?}");
    let (done, events) =
        list("function () { var s = 'x'.repeat(1 << 20); while (getRow()) send(s); }", 20);
    assert_eq!(done, Ok(()));
    assert_eq!(events.len(), 1 + 20 + 20 + 1);
}

#[test]
fn a_list_streams_what_it_sends_after_its_rows() {
    let source = "function () {
        var rows = [], row;
        while ((row = getRow())) rows.push(row.key);
        for (var i = 0; i < 40; i++) send('x'.repeat(1000));
    }";
    let (done, events) = list(source, 2);
    assert_eq!(done, Ok(()));
    let sent: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            Event::Send(text) => Some(text.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [17_000, 17_000, 6_000]);
}

#[test]
fn a_list_that_asks_for_no_row_and_sends_for_ever_ends() {
    for source in [
        "function () { for (;;) send('0123456789'.repeat(100)); }",
        "function () { while (getRow()); for (;;) send('0123456789'.repeat(100)); }",
        "function () { getRow(); for (;;) { try { send('0123456789'.repeat(100)); } catch (e) {} } }",
    ] {
        let (done, events) = list(source, 1);
        assert!(matches!(done, Err(Error::Output(_) | Error::Time(_))), "{done:?}");
        let sent: usize = events
            .iter()
            .map(|event| match event {
                Event::Send(text) => text.len(),
                _ => 0,
            })
            .sum();
        assert!(sent <= 8 << 20, "{sent}");
    }
}

#[test]
fn time_in_which_nobody_reads_is_not_the_function_s() {
    struct Slow(usize);
    impl ListStream for Slow {
        fn start(&mut self, _: ResponseHead) -> Result<(), Gone> {
            Ok(())
        }
        fn send(&mut self, _: String) -> Result<(), Gone> {
            std::thread::sleep(std::time::Duration::from_millis(700));
            Ok(())
        }
        fn row(&mut self) -> Result<Option<String>, Gone> {
            std::thread::sleep(std::time::Duration::from_millis(700));
            self.0 += 1;
            Ok((self.0 < 4).then(|| "{}".to_owned()))
        }
    }
    let design = json!({"lists": {"l": "function () { while (getRow()) send('x'); send('y'); }"}});
    let limits = Limits { call: std::time::Duration::from_secs(2), ..Limits::default() };
    let mut functions = Functions::open("_design/d", &design.to_string(), limits).unwrap();
    assert_eq!(functions.list("l", "{}", "{}", Box::new(Slow(0))), Ok(()));
}
