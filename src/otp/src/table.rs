//! The places of the tree and who lives in them: the data behind `Names::tree`, `Names::kill` and the
//! wait for an old incarnation. Plain data; `names` holds it behind a lock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ractor::ActorId;
use tokio::time::Instant;

use crate::life::Life;
use crate::shrinking::shrink;
use crate::specification::{ChildKind, ChildSpecification, Restart, Strategy};
use crate::tree::{ChildState, TreeNode};
use crate::work::Work;

/// One place in the tree. A static child keeps its place over restarts; one that was added gets a new
/// place every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(u64);

/// What a place is for.
pub(crate) struct Description<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: ChildKind,
    pub(crate) strategy: Option<Strategy>,
    pub(crate) restart: Restart,
    pub(crate) added: bool,
}

impl<'a> Description<'a> {
    pub(crate) fn of(child: &'a ChildSpecification, added: bool) -> Self {
        Self {
            name: &child.name,
            kind: child.kind,
            strategy: child.specification.as_ref().map(|nested| nested.strategy),
            restart: child.restart,
            added,
        }
    }
}

struct Record {
    name: Arc<str>,
    path: Arc<str>,
    parent: Option<Place>,
    children: BTreeSet<Place>,
    kind: ChildKind,
    strategy: Option<Strategy>,
    restart: Restart,
    added: bool,
    state: ChildState,
    starts: u64,
    since: Instant,
    lives: Vec<Arc<Life>>,
    work: Arc<Work>,
}

/// All places of one node.
#[derive(Default)]
pub(crate) struct Table {
    last: u64,
    /// On the heap: half of a large map may be free places.
    records: HashMap<Place, Box<Record>>,
    roots: BTreeSet<Place>,
    lives: HashMap<ActorId, Arc<Life>>,
}

impl Table {
    /// A place for a new tree. An earlier one of its name goes, unless it still runs: then that is
    /// the answer.
    pub(crate) fn place_root(&mut self, root: &Description<'_>) -> Result<Place, Arc<Life>> {
        let mut roots = self.roots.iter().copied();
        let earlier = roots.find(|place| self.is_named(*place, root.name));
        if let Some(earlier) = earlier {
            match self.lives_below(earlier).into_iter().next() {
                Some(running) => return Err(running),
                None => self.remove(earlier),
            }
        }
        Ok(self.add(None, root))
    }

    /// The place of a child, made when it is new.
    pub(crate) fn place(&mut self, parent: Place, child: &Description<'_>) -> Place {
        // Thousands may be added to one supervisor, and none of them is known from before.
        let siblings = self.records.get(&parent).filter(|_| !child.added);
        let mut siblings = siblings.into_iter().flat_map(|parent| parent.children.iter().copied());
        let known = siblings.find(|place| self.is_named(*place, child.name));
        known.unwrap_or_else(|| self.add(Some(parent), child))
    }

    fn is_named(&self, place: Place, name: &str) -> bool {
        self.records.get(&place).is_some_and(|record| &*record.name == name)
    }

    fn add(&mut self, parent: Option<Place>, child: &Description<'_>) -> Place {
        self.last += 1;
        let place = Place(self.last);
        let above = parent.and_then(|parent| self.records.get_mut(&parent));
        let path = match above {
            Some(above) => {
                above.children.insert(place);
                format!("{}/{}", above.path, child.name).into()
            }
            None => {
                self.roots.insert(place);
                child.name.into()
            }
        };
        let record = Record {
            name: child.name.into(),
            path,
            parent,
            children: BTreeSet::new(),
            kind: child.kind,
            strategy: child.strategy,
            restart: child.restart,
            added: child.added,
            state: ChildState::Starting,
            starts: 0,
            since: Instant::now(),
            lives: Vec::new(),
            work: Arc::default(),
        };
        self.records.insert(place, Box::new(record));
        place
    }

    /// Name and path of a place.
    pub(crate) fn labels(&self, place: Place) -> Option<(Arc<str>, Arc<str>)> {
        let record = self.records.get(&place)?;
        Some((Arc::clone(&record.name), Arc::clone(&record.path)))
    }

    /// The counts of a place; of a place that is gone nobody sees them.
    pub(crate) fn work(&self, place: Place) -> Arc<Work> {
        self.records.get(&place).map_or_else(Arc::default, |record| Arc::clone(&record.work))
    }

    /// The counts of the actor with this path or, failing that, this name.
    pub(crate) fn work_of(&self, name: &str) -> Option<Arc<Work>> {
        let life = self.find(name)?;
        Some(self.work(life.place()))
    }

    /// An incarnation begins.
    pub(crate) fn enter(&mut self, life: &Arc<Life>) {
        self.lives.insert(life.cell().get_id(), Arc::clone(life));
        if let Some(record) = self.records.get_mut(&life.place()) {
            record.lives.push(Arc::clone(life));
            record.since = Instant::now();
        }
    }

    /// An incarnation is gone.
    pub(crate) fn leave(&mut self, life: &Life) {
        let id = life.cell().get_id();
        self.lives.remove(&id);
        shrink(&mut self.lives);
        if let Some(record) = self.records.get_mut(&life.place()) {
            record.lives.retain(|other| other.cell().get_id() != id);
            if record.lives.is_empty() && record.state == ChildState::Running {
                record.state = ChildState::Stopped;
            }
        }
    }

    pub(crate) fn set_state(&mut self, place: Place, state: ChildState) {
        if let Some(record) = self.records.get_mut(&place) {
            record.state = state;
        }
    }

    /// Notes that a start is done, and tells whether it was a restart.
    pub(crate) fn started(&mut self, place: Place) -> bool {
        let Some(record) = self.records.get_mut(&place) else { return false };
        record.starts += 1;
        if !record.lives.is_empty() {
            record.state = ChildState::Running;
        }
        record.starts > 1
    }

    /// Takes a place and all below it out of the tree.
    pub(crate) fn remove(&mut self, place: Place) {
        let mut pending = vec![place];
        while let Some(place) = pending.pop() {
            let Some(record) = self.records.remove(&place) else { continue };
            match record.parent {
                Some(parent) => {
                    if let Some(above) = self.records.get_mut(&parent) {
                        above.children.remove(&place);
                    }
                }
                None => {
                    self.roots.remove(&place);
                }
            }
            pending.extend(record.children);
        }
        shrink(&mut self.records);
    }

    /// Takes the places of added children out, which a new incarnation of their supervisor does not
    /// know.
    pub(crate) fn remove_added(&mut self, supervisor: Place) {
        let children = self.records.get(&supervisor).map(|record| record.children.clone());
        for child in children.into_iter().flatten() {
            if self.records.get(&child).is_some_and(|record| record.added) {
                self.remove(child);
            }
        }
    }

    pub(crate) fn life(&self, actor: ActorId) -> Option<Arc<Life>> {
        self.lives.get(&actor).cloned()
    }

    /// All incarnations at a place and below that are not gone, supervisors first.
    pub(crate) fn lives_below(&self, place: Place) -> Vec<Arc<Life>> {
        let mut found = Vec::new();
        let mut pending = vec![place];
        while let Some(place) = pending.pop() {
            let Some(record) = self.records.get(&place) else { continue };
            found.extend(record.lives.iter().cloned());
            pending.extend(&record.children);
        }
        found
    }

    /// The latest incarnation of the actor with this path or, failing that, this name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Life>> {
        let living = || self.records.values().filter(|record| !record.lives.is_empty());
        living()
            .find(|record| &*record.path == name)
            .or_else(|| living().find(|record| &*record.name == name))
            .and_then(|record| record.lives.last().cloned())
    }

    /// The latest root.
    pub(crate) fn root(&self) -> Option<Place> {
        self.roots.last().copied()
    }

    pub(crate) fn snapshot(
        &self,
        place: Place,
        mailbox: &dyn Fn(&str) -> Option<usize>,
    ) -> Option<TreeNode> {
        let record = self.records.get(&place)?;
        let current = record.lives.last();
        let children = record.children.iter();
        Some(TreeNode {
            name: record.name.to_string(),
            path: record.path.to_string(),
            kind: record.kind,
            strategy: record.strategy,
            restart: record.restart,
            added: record.added,
            state: record.state,
            mailbox: mailbox(&record.name),
            restarts: record.starts.saturating_sub(1),
            uptime_seconds: current.map_or(0, |_| record.since.elapsed().as_secs()),
            handled: record.work.handled(),
            busy_us: record.work.busy_us(),
            incarnation: current.map(|life| life.cell().get_id().pid()),
            children: children.filter_map(|child| self.snapshot(*child, mailbox)).collect(),
        })
    }
}
