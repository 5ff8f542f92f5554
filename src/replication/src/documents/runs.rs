//! The runs of one document by node. Nearly every document has one, of no node, and there may be tens of
//! thousands of documents, so this is a sorted list, which takes no more room than its runs.

use refuge_mesh::NodeId;

use super::run::Run;

/// Runs by node; of a document whose ends name no nodes there is one, under `None`.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<(Option<NodeId>, Box<Run>)>);

impl Runs {
    fn place(&self, node: &Option<NodeId>) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(node))
    }

    pub(super) fn get(&self, node: &Option<NodeId>) -> Option<&Run> {
        let (_, run) = self.place(node).ok().and_then(|place| self.0.get(place))?;
        Some(run)
    }

    pub(super) fn get_mut(&mut self, node: &Option<NodeId>) -> Option<&mut Run> {
        let (_, run) = self.place(node).ok().and_then(|place| self.0.get_mut(place))?;
        Some(run)
    }

    /// Adds a run of a node that has none.
    pub(super) fn insert(&mut self, node: Option<NodeId>, run: Run) {
        if let Err(place) = self.place(&node) {
            self.0.reserve_exact(1);
            self.0.insert(place, (node, Box::new(run)));
        }
    }

    pub(super) fn remove(&mut self, node: &Option<NodeId>) -> Option<Box<Run>> {
        self.place(node).ok().map(|place| self.0.remove(place).1)
    }

    /// In the order of the nodes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Option<NodeId>, &Run)> {
        self.0.iter().map(|(node, run)| (node, &**run))
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = Option<NodeId>> {
        self.0.iter().map(|(node, _)| *node)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Run> {
        self.iter().map(|(_, run)| run)
    }

    /// The run of a document that has one.
    pub(super) fn only(&self) -> Option<&Run> {
        self.values().next().filter(|_| self.0.len() == 1)
    }
}
