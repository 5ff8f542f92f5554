//! What is told of nodes that come and are let in: invitations, who asks, why one is not up.

use serde_json::Value;

use super::code::draw_code;
use super::table::{cell, draw, items, printable};

/// Draws what `invite` answers with: the invitation as text and as a QR code, and until when it is good.
/// With `colours` the code is in colours for a terminal.
pub(super) fn render_invitation(answer: &Value, colours: bool) -> String {
    let invitation = cell(answer, "invitation");
    let mut text = format!(
        "{invitation}\n\nGood for one node until {}. On the other node:\n\n    refuge pair \
         '{invitation}'\n\n",
        cell(answer, "expires")
    );
    text.push_str(&draw_code(&invitation, colours).unwrap_or_default());
    text
}

/// Draws the invitations that are open.
pub(super) fn render_invitations(answer: &Value) -> String {
    const MEMBERS: [&str; 5] = ["number", "expires", "name", "groups", "used_by"];
    table(["NUMBER", "EXPIRES", "NAME", "GROUPS", "USED BY"], items(answer, "invitations"), MEMBERS)
}

/// Draws the nodes that ask to be trusted. What they call themselves is told last and as their words.
pub(super) fn render_pending(answer: &Value) -> String {
    let head = ["ID", "FROM", "INTRODUCER", "GROUPS", "SINCE", "LOOKS LIKE", "CALLS ITSELF"];
    let rows = items(answer, "pending").iter().map(|row| {
        let told = |member: &str| cell(row, member);
        let introducer = named(row, "introducer");
        let (since, imitates, claimed) = (told("since"), told("imitates"), told("claimed_name"));
        [told("id"), told("from"), introducer, told("groups"), since, imitates, claimed]
    });
    drawn(head, rows)
}

/// Draws introductions that were made.
pub(super) fn render_introductions(answer: &Value, member: &str) -> String {
    let rows = items(answer, member).iter();
    let row = |row| [named(row, "subject"), named(row, "audience"), cell(row, "expires")];
    drawn(["SUBJECT", "AUDIENCE", "EXPIRES"], rows.map(row))
}

/// Draws introductions that were made just now: whether they do anything is for those who hear them to say.
pub(super) fn render_introduced(answer: &Value) -> String {
    let made = render_introductions(answer, "introductions");
    format!(
        "{made}\nThey are introduced if they let this node introduce, and get the groups that it may \
         confer there:\nboth is said over there with `refuge peer introducer`.\n"
    )
}

/// The name of a node here, where it has one, or its id.
fn named(row: &Value, member: &str) -> String {
    match row.get(format!("{member}_name")).and_then(Value::as_str) {
        Some(name) => printable(name),
        None => cell(row, member),
    }
}

fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: &[Value],
    members: [&str; COLUMNS],
) -> String {
    drawn(head, rows.iter().map(|row| members.map(|member| cell(row, member))))
}

fn drawn<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let mut drawn = vec![head.map(str::to_owned)];
    drawn.extend(rows);
    draw(&drawn, COLUMNS)
}

/// Draws one node that is known, a member a line.
pub(super) fn render_peer(peer: &Value) -> String {
    const MEMBERS: [(&str, &str); 16] = [
        ("name", "name"),
        ("id", "id"),
        ("", "people"),
        ("trust", "trust"),
        ("up", "up"),
        ("groups", "groups"),
        ("addresses", "addresses"),
        ("told addresses", "told_addresses"),
        ("bandwidth, B/s", "bandwidth"),
        ("metered links", "metered"),
        ("introducer", "introducer"),
        ("may confer", "may_confer"),
        ("introductions", "introductions"),
        ("introduced by", "introduced_by"),
        ("until", "introduced_until"),
        ("last seen", "last_seen"),
    ];
    lines(&MEMBERS, peer)
}

/// Draws why a node is up or not: what was found out, and what to do.
pub(super) fn render_diagnosis(answer: &Value) -> String {
    const MEMBERS: [(&str, &str); 8] = [
        ("name", "name"),
        ("id", "id"),
        ("trust here", "trust"),
        ("up", "up"),
        ("trusts us", "trusts_us"),
        ("clock off, s", "clock_off_seconds"),
        ("we, outside", "outer_address"),
        ("last seen", "last_seen"),
    ];
    let mut text = lines(&MEMBERS, answer);
    text.push_str(&certificate_and_link(answer));
    for source in items(answer, "sources") {
        let state = if source["on"] == true { "on" } else { "off" };
        let (name, setting) = (cell(source, "source"), cell(source, "setting"));
        let speaker = source["speaker"].as_str();
        let speaker = speaker.map_or_else(String::new, |speaker| format!(", by the {speaker}"));
        text.push_str(&format!("source         {name} {state}{speaker} ({setting})\n"));
    }
    for hub in items(answer, "hubs") {
        let (name, said) = (cell(hub, "hub"), cell(hub, "answer").replace('_', " "));
        text.push_str(&format!(
            "hub            {name} {said}{}\n",
            with(hub, "reason", (": ", ""))
        ));
    }
    for tried in items(answer, "addresses") {
        let (address, outcome) = (cell(tried, "address"), cell(tried, "outcome"));
        let (reason, source) =
            (with(tried, "reason", (": ", "")), with(tried, "source", (" [", "]")));
        let name = with(tried, "other_name", (", called ", " here"));
        text.push_str(&format!("tried          {address} {outcome}{reason}{name}{source}\n"));
    }
    text.push('\n');
    for advice in items(answer, "advice") {
        text.push_str(&printable(advice.as_str().unwrap_or_default()));
        text.push('\n');
    }
    text
}

/// Whose certificate was met, and how far the link is.
fn certificate_and_link(answer: &Value) -> String {
    let proves = answer.get("certificate").and_then(|known| known.get("proves"));
    let certificate = match proves.and_then(Value::as_str) {
        Some(id) if answer["id"] == id => "known, proves this id".to_owned(),
        Some(_) => format!("known, proves {}", cell(&answer["certificate"], "proves")),
        None => "none was met".to_owned(),
    };
    let mut text = format!("certificate    {certificate}\n");
    let link = &answer["link"];
    if link.is_object() {
        let (standing, failed) = (cell(link, "standing"), cell(link, "failed_dials"));
        text.push_str(&format!("link           {standing}, {failed} attempts failed of late\n"));
        text.push_str(&with(link, "last_failure", ("last failure   ", "\n")));
    }
    text
}

/// A member between two texts; nothing where there is none.
fn with(value: &Value, member: &str, (before, after): (&str, &str)) -> String {
    match cell(value, member) {
        text if text == "-" => String::new(),
        text => format!("{before}{text}{after}"),
    }
}

fn lines(members: &[(&str, &str)], value: &Value) -> String {
    let mut text = String::new();
    for (title, member) in members {
        text.push_str(&format!("{title:<15}{}\n", cell(value, member)));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_invitation_is_told_as_text_and_as_a_code() {
        let answer = json!({"invitation": "refuge:X@a:1?token=t", "expires": "2026-01-02"});
        let text = render_invitation(&answer, false);
        assert!(text.starts_with("refuge:X@a:1?token=t\n"), "{text}");
        assert!(text.contains("    refuge pair 'refuge:X@a:1?token=t'\n"), "{text}");
        assert!(text.lines().filter(|line| line.contains('█')).count() > 10, "{text}");
    }

    #[test]
    fn what_strangers_call_themselves_moves_no_cursor() {
        let answer = json!({"pending": [
            {"id": "ABC", "claimed_name": "an\u{1b}[2Jna", "from": "192.0.2.1", "groups": []},
        ]});
        let expected = "\
ID   FROM       INTRODUCER  GROUPS  SINCE  LOOKS LIKE  CALLS ITSELF
ABC  192.0.2.1  -           -       -      -           an[2Jna
";
        assert_eq!(render_pending(&answer), expected);
    }

    #[test]
    fn friends_are_told_by_their_names() {
        let answer = json!({"pending": [
            {"id": "ABC", "introducer": "DEF", "introducer_name": "anna", "groups": []},
            {"id": "GHI", "introducer": "JKL", "introducer_name": null, "groups": []},
        ]});
        let expected = "\
ID   FROM  INTRODUCER  GROUPS  SINCE  LOOKS LIKE  CALLS ITSELF
ABC  -     anna        -       -      -           -
GHI  -     JKL         -       -      -           -
";
        assert_eq!(render_pending(&answer), expected);
        let answer = json!({"introductions": [
            {"subject": "ABC", "subject_name": "bert", "audience": "DEF", "expires": "2026-01-02"},
        ]});
        let text = render_introduced(&answer);
        let table = "SUBJECT  AUDIENCE  EXPIRES\nbert     DEF       2026-01-02\n\n";
        assert!(text.starts_with(table), "{text}");
        assert!(text.contains("if they let this node introduce"), "{text}");
    }

    #[test]
    fn a_diagnosis_ends_with_what_to_do() {
        let answer = json!({
            "name": "anna", "id": "ABC", "trust": "trusted", "up": false, "trusts_us": null,
            "addresses": [{"address": "a:1", "outcome": "failed", "reason": "refused",
                "source": "dht"}],
            "sources": [{"source": "dht", "setting": "mesh.dht", "on": false}],
            "hubs": [
                {"hub": "carol", "answer": "knows_nothing", "reason": null},
                {"hub": "dora", "answer": "failed", "reason": "refused"},
            ],
            "certificate": {"proves": "ABC"},
            "link": {"standing": "away", "failed_dials": 3, "last_failure": "a:1: no\u{1b} answer"},
            "advice": ["Open the door."],
        });
        let text = render_diagnosis(&answer);
        assert!(text.contains("source         dht off (mesh.dht)\n"), "{text}");
        assert!(text.contains("tried          a:1 failed: refused [dht]\n"), "{text}");
        assert!(text.contains("hub            carol knows nothing\n"), "{text}");
        assert!(text.contains("hub            dora failed: refused\n"), "{text}");
        assert!(text.contains("certificate    known, proves this id\n"), "{text}");
        assert!(text.contains("link           away, 3 attempts failed of late\n"), "{text}");
        assert!(text.contains("last failure   a:1: no answer\n"), "{text}");
        assert!(text.ends_with("\nOpen the door.\n"), "{text}");
        assert!(render_peer(&answer).starts_with("name           anna\n"));
    }
}
