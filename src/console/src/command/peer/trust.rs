//! Those of `peer …` that are about who is let in, and why: they are the mesh's, not the directory's.

use refuge_mesh::{Approval, ChangedIntroducer, MeshCommand, NewIntroduction};

use super::super::options::{Options, one};

/// What is meant; `None` when it is none of these.
pub(super) fn parse(arguments: &[&str]) -> Option<MeshCommand> {
    match *arguments {
        ["pending"] => Some(MeshCommand::Pending),
        ["introductions"] => Some(MeshCommand::Introductions),
        ["show", node] => Some(MeshCommand::Show(node.to_owned())),
        ["why", node] => Some(MeshCommand::Diagnose(node.to_owned())),
        ["reject", "--all"] => Some(MeshCommand::RejectAll),
        ["reject", node] => Some(MeshCommand::Reject(node.to_owned())),
        ["revoke", node] => Some(MeshCommand::Revoke(node.to_owned())),
        ["approve", node, ref options @ ..] => {
            let options = Options::parse(options, &["name", "group"])?;
            let (name, groups) = (one(options.all("name"))?, options.all("group"));
            Some(MeshCommand::Approve(Approval { node: node.to_owned(), name, groups }))
        }
        ["introducer", node, may, ref options @ ..] => introducer((node, may), options),
        ["introduce", node, to, ref options @ ..] => introduce((node, to), options),
        _ => None,
    }
}

fn introducer((node, may): (&str, &str), options: &[&str]) -> Option<MeshCommand> {
    let introducer = match may {
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    let options = Options::parse(options, &["may-confer", "introductions"])?;
    Some(MeshCommand::Introducer(ChangedIntroducer {
        node: node.to_owned(),
        introducer,
        may_confer: options.all("may-confer"),
        introductions: one(options.all("introductions"))?,
    }))
}

fn introduce((node, to): (&str, &str), options: &[&str]) -> Option<MeshCommand> {
    let options = Options::parse(options, &["group", "days"])?;
    let days = one(options.all("days"))?;
    Some(MeshCommand::Introduce(NewIntroduction {
        node: node.to_owned(),
        to: to.to_owned(),
        groups: options.all("group"),
        days: days.map(|text| text.parse()).transpose().ok()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(typed: &str) -> Option<MeshCommand> {
        parse(&typed.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn who_is_let_in_is_said_in_words() {
        let approval = Approval {
            node: "ABCDEF".to_owned(),
            name: Some("anna".to_owned()),
            groups: vec!["family".to_owned()],
        };
        let typed = "approve ABCDEF --name anna --group family";
        assert_eq!(parsed(typed), Some(MeshCommand::Approve(approval)));
        assert_eq!(parsed("pending"), Some(MeshCommand::Pending));
        assert_eq!(parsed("reject anna"), Some(MeshCommand::Reject("anna".to_owned())));
        assert_eq!(parsed("reject --all"), Some(MeshCommand::RejectAll));
        assert_eq!(parsed("why anna"), Some(MeshCommand::Diagnose("anna".to_owned())));
        let introducer = ChangedIntroducer {
            node: "anna".to_owned(),
            introducer: true,
            may_confer: vec!["family".to_owned()],
            introductions: Some("accept".to_owned()),
        };
        let typed = "introducer anna yes --may-confer family --introductions accept";
        assert_eq!(parsed(typed), Some(MeshCommand::Introducer(introducer)));
        let introduction = NewIntroduction {
            node: "anna".to_owned(),
            to: "group:family".to_owned(),
            groups: Vec::new(),
            days: Some(7),
        };
        let typed = "introduce anna group:family --days 7";
        assert_eq!(parsed(typed), Some(MeshCommand::Introduce(introduction)));
    }

    #[test]
    fn what_is_mistyped_is_none_of_these() {
        for typed in [
            "approve",
            "approve a --colour red",
            "introducer a perhaps",
            "introduce a",
            "introduce a b --days soon",
            "pending all",
            "reject",
            "reject anna --all",
            "why",
        ] {
            assert_eq!(parsed(typed), None, "{typed}");
        }
    }
}
