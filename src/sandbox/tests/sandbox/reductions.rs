//! Reduce functions over groups.

use refuge_sandbox::{Limits, ReduceBound, ReduceLimit, ReduceRow, ViewSources, Views};

use crate::fixture::{limits, named};

fn reducing(reduces: &[&str], limits: Limits) -> Views {
    let reduces = reduces.iter().map(|reduce| (*reduce).to_owned()).collect();
    Views::open(ViewSources { reduces, ..ViewSources::default() }, limits).unwrap()
}

const fn row<'a>(key: &'a str, id: &'a str, value: &'a str) -> ReduceRow<'a> {
    ReduceRow { key, id, value }
}

#[test]
fn groups_are_reduced_one_by_one() {
    let mut views = reducing(
        &["function (keys, values, rereduce) { return [keys, sum(values), rereduce]; }"],
        limits(),
    );
    let first = [row("1", "a", "2"), row(r#"["k"]"#, "b\"\\", "3")];
    let second = [row("null", "é", "0.5")];
    let reductions = views.reduce(0, &[&first, &second, &[]]);
    let texts: Vec<_> = reductions.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        texts,
        vec![
            r#"[[[1,"a"],[["k"],"b\"\\"]],5,false]"#,
            r#"[[[null,"é"]],0.5,false]"#,
            "[[],0,false]"
        ]
    );
}

#[test]
fn reductions_are_reduced_again_without_keys() {
    let mut views = reducing(
        &[
            "function () {}",
            "function (keys, values, rereduce) { return [keys, values, rereduce]; }",
        ],
        limits(),
    );
    assert_eq!(views.rereduce(1, &[&["1", "{}"]]), vec![Ok("[null,[1,{}],true]".to_owned())]);
    assert_eq!(views.rereduce(0, &[&["1"]]), vec![Ok("null".to_owned())]);
}

#[test]
fn a_group_that_fails_does_not_fail_the_others() {
    let mut views = reducing(
        &[
            "function (keys, values) { if (values[0] === 0) for (;;); log('seen'); return values[0].length; }",
        ],
        limits(),
    );
    let slow = [row("1", "a", "0")];
    let bad = [row("1", "a", "null")];
    let good = [row("1", "a", r#""four""#)];
    let reductions = views.reduce(0, &[&slow, &bad, &good]);
    assert!(reductions[0].as_ref().unwrap_err().is_limit());
    assert_eq!(reductions[1].as_ref().unwrap_err().name(), "TypeError");
    assert_eq!(reductions[2], Ok("4".to_owned()));
    assert_eq!(views.take_log(), vec!["seen", "seen"]);
}

#[test]
fn a_function_that_does_not_compile_fails_each_group() {
    let mut views = reducing(&["function ("], limits());
    for reduction in views.rereduce(0, &[&["1"], &["2"]]) {
        assert_eq!(reduction.unwrap_err().name(), "compilation_error");
    }
    assert_eq!(views.rereduce(7, &[&["1"]])[0].as_ref().unwrap_err().name(), "not_found");
}

const BOUND: ReduceBound = ReduceBound { threshold_bytes: 1000, ratio: 2.0 };

#[test]
fn a_reduction_that_collects_is_an_overflow() {
    let collect = "function (keys, values) { return values; }";
    let value = format!("\"{}\"", "x".repeat(3000));
    let values = [value.as_str(), value.as_str()];
    let under = |reduce| reducing(&[collect], Limits { reduce, ..limits() });

    let mut views = under(ReduceLimit::Refuse(BOUND));
    let error = views.rereduce(0, &[&values])[0].clone().unwrap_err();
    assert_eq!(
        named(&error),
        (
            "reduce_overflow_error".into(),
            "Reduce output must shrink more rapidly: input size: 6007 output size: 6007".into()
        )
    );
    // What is small may collect.
    assert!(views.rereduce(0, &[&["1", "2"]])[0].is_ok());

    let mut views = under(ReduceLimit::Log(BOUND));
    assert!(views.rereduce(0, &[&values])[0].is_ok());
    assert!(views.take_log()[0].contains("reduce_overflow_error"));

    let mut views = under(ReduceLimit::Allow);
    assert!(views.rereduce(0, &[&values])[0].is_ok());
    assert!(views.take_log().is_empty());
}

#[test]
fn the_bound_of_a_reduction_is_exact() {
    // A text of so many bytes, its quotes included, whatever is reduced.
    let length = "function (keys, values) { return 'x'.repeat(values[0] - 2); }";
    let limits = Limits { reduce: ReduceLimit::Refuse(BOUND), ..limits() };
    let mut views = reducing(&[length], limits);
    let mut answers = |output: usize, input: usize| {
        let padding = "0".repeat(input - "[1000,\"\"]".len());
        let values = [output.to_string(), format!("\"{padding}\"")];
        let values = values.each_ref().map(String::as_str);
        views.rereduce(0, &[&values])[0].is_ok()
    };
    assert!(answers(1000, 1000), "at the threshold");
    assert!(!answers(1001, 1000), "beyond it");
    assert!(answers(1001, 2002), "half of its input");
    assert!(!answers(1001, 2001), "more than half of its input");
}
