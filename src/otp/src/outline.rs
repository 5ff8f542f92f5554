//! A tree without its functions: what a specification or a live tree says about who restarts with
//! whom, and its picture as text. All of it is computed, nothing looks at running actors.

use std::collections::BTreeSet;

use crate::decision::is_affected;
use crate::specification::{
    ChildKind, ChildSpecification, Restart, Shutdown, Strategy, SupervisorSpecification,
};
use crate::tree::TreeNode;

/// One child as far as restarts are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// A supervisor's strategy.
    pub strategy: Option<Strategy>,
    /// When it is started again.
    pub restart: Restart,
    /// Whether it is added at run time, and so does not come back with its supervisor.
    pub added: bool,
    /// The longest that its stop takes.
    pub budget: Shutdown,
    /// Why it is where it is.
    pub because: Option<String>,
    /// Its children in start order.
    pub children: Vec<Outline>,
}

impl Outline {
    /// A worker, such as an example of the children of a dynamic supervisor.
    pub fn worker(name: impl Into<String>, restart: Restart, budget: Shutdown) -> Self {
        Self {
            name: name.into(),
            kind: ChildKind::Worker,
            strategy: None,
            restart,
            added: false,
            budget,
            because: None,
            children: Vec::new(),
        }
    }

    fn supervisor(specification: &SupervisorSpecification, restart: Restart) -> Self {
        let listed = specification.children.iter().map(Self::from);
        let examples = specification.holds.iter().cloned();
        let added = examples.map(|example| Self { added: true, ..example });
        Self {
            kind: ChildKind::Supervisor,
            strategy: Some(specification.strategy),
            children: listed.chain(added).collect(),
            ..Self::worker(specification.name.clone(), restart, specification.budget())
        }
    }

    /// All names that come back with this one.
    fn collect(&self, names: &mut BTreeSet<String>) {
        names.insert(self.name.clone());
        for child in self.children.iter().filter(|child| !child.added) {
            child.collect(names);
        }
    }

    /// The indexes that lead from here to the actor with this name or path.
    fn way_to(&self, name: &str, above: &str) -> Option<Vec<usize>> {
        let path =
            if above.is_empty() { self.name.clone() } else { format!("{above}/{}", self.name) };
        if self.name == name || path == name {
            return Some(Vec::new());
        }
        self.children.iter().enumerate().find_map(|(index, child)| {
            let mut way = child.way_to(name, &path)?;
            way.insert(0, index);
            Some(way)
        })
    }
}

impl From<&ChildSpecification> for Outline {
    fn from(child: &ChildSpecification) -> Self {
        let outline = match &child.specification {
            Some(nested) => Self::supervisor(nested, child.restart),
            None => Self::worker(child.name.clone(), child.restart, child.shutdown),
        };
        Self {
            name: child.name.clone(),
            kind: child.kind,
            budget: child.shutdown,
            because: child.because.clone(),
            ..outline
        }
    }
}

impl From<&Self> for Outline {
    fn from(outline: &Self) -> Self {
        outline.clone()
    }
}

impl From<ChildSpecification> for Outline {
    fn from(child: ChildSpecification) -> Self {
        Self::from(&child)
    }
}

impl From<&SupervisorSpecification> for Outline {
    fn from(specification: &SupervisorSpecification) -> Self {
        Self::supervisor(specification, Restart::Permanent)
    }
}

impl From<&TreeNode> for Outline {
    /// Of a live tree; budgets and reasons are not in it.
    fn from(node: &TreeNode) -> Self {
        Self {
            kind: node.kind,
            strategy: node.strategy,
            added: node.added,
            children: node.children.iter().map(Self::from).collect(),
            ..Self::worker(node.name.clone(), node.restart, Shutdown::Infinity)
        }
    }
}

/// The names of all actors that are started again when the one called `killed` (a name or a path) is
/// killed and no supervisor's intensity is reached. Empty for a temporary one, which only dies, and
/// for the root, which ends the node. A temporary child that dies with others is not in the set.
#[must_use]
pub fn restart_set(tree: impl Into<Outline>, killed: &str) -> BTreeSet<String> {
    let tree = tree.into();
    let mut names = BTreeSet::new();
    let Some(way) = tree.way_to(killed, "") else { return names };
    let Some((child, above)) = way.split_last() else { return names };
    let parent = above.iter().try_fold(&tree, |node, index| node.children.get(*index));
    let Some(parent) = parent else { return names };
    let temporary = |node: &Outline| node.restart == Restart::Temporary;
    if parent.children.get(*child).is_none_or(temporary) {
        return names;
    }
    let strategy = parent.strategy.unwrap_or(Strategy::OneForOne);
    for (index, sibling) in parent.children.iter().enumerate() {
        if is_affected(strategy, *child, index) && !temporary(sibling) {
            sibling.collect(&mut names);
        }
    }
    names
}

/// The tree as text, one actor a line: its name, a supervisor's strategy, `transient` or `temporary`
/// where it is not permanent, `dynamic` where it is added at run time, and the reason.
#[must_use]
pub fn picture(tree: impl Into<Outline>) -> String {
    let tree = tree.into();
    let mut text = String::new();
    draw(&tree, "", "", &mut text);
    text
}

fn draw(node: &Outline, branch: &str, below: &str, text: &mut String) {
    text.push_str(branch);
    text.push_str(&node.name);
    let restart = match node.restart {
        Restart::Permanent => None,
        Restart::Transient => Some("transient"),
        Restart::Temporary => Some("temporary"),
    };
    let strategy = node.strategy.map(|strategy| match strategy {
        Strategy::OneForOne => "one_for_one",
        Strategy::OneForAll => "one_for_all",
        Strategy::RestForOne => "rest_for_one",
        Strategy::Dynamic => "dynamic",
    });
    let added = node.added.then_some("added at run time");
    let words: Vec<&str> = [strategy, restart, added].into_iter().flatten().collect();
    if !words.is_empty() {
        text.push_str(&format!(" ({})", words.join(", ")));
    }
    if let Some(reason) = &node.because {
        text.push_str(&format!(": {reason}"));
    }
    text.push('\n');
    for (index, child) in node.children.iter().enumerate() {
        let last = index + 1 == node.children.len();
        let (tee, bar) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        draw(child, &format!("{below}{tee}"), &format!("{below}{bar}"), text);
    }
}
