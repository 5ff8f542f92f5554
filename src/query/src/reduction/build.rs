//! A tree from all rows of a view, in one pass and little memory.

use super::nodes::{node_entries, row_entries};
use super::page::{Entry, Root, encode_page};
use super::shape::{LOWEST_PAGE, Shape, page_key, root_key};
use super::store::{ReduceRow, Reducer, Rows};

/// Nodes that are reduced in one call, at most.
const NODES_PER_CALL: usize = 256;

/// Rows that are kept before they are reduced, in bytes.
const KEPT_BYTES: usize = 1024 * 1024;

/// Builds a tree. Rows are pushed in the order of their keys, each key once; pages are handed out as
/// they become ready, in no order. The result equals that of updates, byte for byte.
#[derive(Debug)]
pub struct Builder {
    shape: Shape,
    rows: Rows,
    /// Beginnings and lengths of nodes of level 1, the last of which is open.
    nodes: Vec<(Vec<u8>, usize)>,
    /// Levels from 2 up.
    stages: Vec<Stage>,
    count: u64,
}

/// One level's nodes on their way.
#[derive(Debug, Default)]
struct Stage {
    /// The open node.
    start: Vec<u8>,
    children: Vec<Entry>,
    /// Nodes that are complete.
    closed: Vec<(Vec<u8>, Vec<Entry>)>,
    /// Whether it ever had another node than the first.
    has_more: bool,
}

impl Builder {
    /// An empty tree.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let nodes = vec![(Vec::new(), 0)];
        Self { shape, rows: Rows::default(), nodes, stages: Vec::new(), count: 0 }
    }

    /// Adds the next row. What no reducer wants of it may be left empty, but for the key's JSON.
    /// `write` is given pages, each key once.
    ///
    /// # Errors
    /// What a reducer or `write` says; the tree is then lost.
    pub fn push<E>(
        &mut self,
        row: ReduceRow<'_>,
        reducers: &mut [&mut dyn Reducer<E>],
        write: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.shape.level(row.row_key) >= 1 {
            if self.nodes.len() >= NODES_PER_CALL || self.rows.bytes() >= KEPT_BYTES {
                self.settle_rows(reducers)?;
                self.settle_nodes(reducers, write)?;
            }
            self.nodes.push((row.row_key.to_vec(), 0));
        }
        self.rows.push(row);
        self.count += 1;
        if let Some((_, length)) = self.nodes.last_mut() {
            *length += 1;
        }
        Ok(())
    }

    /// Hands out the last pages and the root; nothing if there was no row. Gives the number of rows.
    ///
    /// # Errors
    /// What a reducer or `write` says.
    pub fn finish<E>(
        mut self,
        reducers: &mut [&mut dyn Reducer<E>],
        write: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), E>,
    ) -> Result<u64, E> {
        if self.count == 0 {
            return Ok(0);
        }
        self.settle_rows(reducers)?;
        let mut level = LOWEST_PAGE;
        loop {
            let Some(stage) = self.stage(level) else { return Ok(self.count) };
            let is_top = !stage.has_more;
            let last = (std::mem::take(&mut stage.start), std::mem::take(&mut stage.children));
            stage.closed.push(last);
            let entries = settle(level, stage, reducers, write)?;
            if let (true, Some(top)) = (is_top, entries.first()) {
                let root = Root { level, count: top.count, reductions: top.reductions.clone() };
                write(root_key(), root.encode())?;
                return Ok(self.count);
            }
            level += 1;
            self.accept(level, entries);
        }
    }

    /// Reduces the rows that are kept.
    fn settle_rows<E>(&mut self, reducers: &mut [&mut dyn Reducer<E>]) -> Result<(), E> {
        let lengths: Vec<usize> = self.nodes.iter().map(|(_, length)| *length).collect();
        let starts = self.nodes.drain(..).map(|(start, _)| start);
        let entries = row_entries(starts, &lengths, &self.rows, reducers)?;
        self.rows.truncate(0);
        self.accept(LOWEST_PAGE, entries);
        Ok(())
    }

    /// Writes what is complete, where there is much of it.
    fn settle_nodes<E>(
        &mut self,
        reducers: &mut [&mut dyn Reducer<E>],
        write: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut level = LOWEST_PAGE;
        while let Some(stage) = self.existing(level) {
            if stage.closed.len() < NODES_PER_CALL / 8 {
                break;
            }
            let entries = settle(level, stage, reducers, write)?;
            level += 1;
            self.accept(level, entries);
        }
        Ok(())
    }

    /// Adds nodes of the level below to a level.
    fn accept(&mut self, level: u8, entries: Vec<Entry>) {
        let shape = self.shape;
        let Some(stage) = self.stage(level) else { return };
        for entry in entries {
            if !entry.start.is_empty() && shape.begins(&entry.start, level) {
                let start = std::mem::replace(&mut stage.start, entry.start.clone());
                stage.closed.push((start, std::mem::take(&mut stage.children)));
                stage.has_more = true;
            }
            stage.children.push(entry);
        }
    }

    fn existing(&mut self, level: u8) -> Option<&mut Stage> {
        self.stages.get_mut(usize::from(level - LOWEST_PAGE))
    }

    fn stage(&mut self, level: u8) -> Option<&mut Stage> {
        let index = usize::from(level - LOWEST_PAGE);
        if index == self.stages.len() {
            self.stages.push(Stage::default());
        }
        self.stages.get_mut(index)
    }
}

/// Writes the complete nodes of a level and gives their entries.
fn settle<E>(
    level: u8,
    stage: &mut Stage,
    reducers: &mut [&mut dyn Reducer<E>],
    write: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), E>,
) -> Result<Vec<Entry>, E> {
    let closed = std::mem::take(&mut stage.closed);
    for (start, children) in &closed {
        write(page_key(level, start), encode_page(children))?;
    }
    node_entries(&closed, reducers)
}
