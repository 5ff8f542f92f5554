//! What waits for the writer's thread, gathered into groups.

use refuge_storage::{Collected, DueGarbage, FreeSpace, Operation, Outcome, UploadStep};
use tokio::sync::oneshot;

use super::WriteFailure;

/// A group is closed at this size, so that one commit does not hold up the next caller for long.
const GROUP_BYTES: usize = 1024 * 1024;

/// Called once, on the writer's thread, in commit order.
pub(super) type Answer = Box<dyn FnOnce(Result<Outcome, WriteFailure>) + Send>;

/// An answer that is given even when the job is dropped unanswered.
pub(super) struct Completion(pub(super) Option<Answer>);

impl Completion {
    pub(super) fn complete(mut self, result: Result<Outcome, WriteFailure>) {
        if let Some(answer) = self.0.take() {
            answer(result);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(Err(WriteFailure::Unknown));
        }
    }
}

/// One thing for the thread to do.
pub(super) enum Job {
    Commit {
        operation: Operation,
        bytes: usize,
        completion: Completion,
    },
    Barrier {
        reply: oneshot::Sender<()>,
    },
    DropRows {
        reply: oneshot::Sender<bool>,
    },
    Collect {
        due: DueGarbage,
        reply: oneshot::Sender<Collected>,
    },
    /// Wakes the thread so that it sees that it is to stop.
    Stop,
}

/// Writes that are committed together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) operations: Vec<Operation>,
    pub(super) completions: Vec<Completion>,
    pub(super) bytes: usize,
}

impl Group {
    /// Whether it is to be committed before more is taken.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= GROUP_BYTES
    }

    /// Takes a write into the group, or gives back what has to be done after it.
    pub(super) fn take(&mut self, job: Job) -> Option<Job> {
        match job {
            Job::Commit { operation, bytes, completion } => {
                self.operations.push(operation);
                self.completions.push(completion);
                self.bytes += bytes;
                None
            }
            other => Some(other),
        }
    }

    /// Answers the operations for which there is no room, and keeps the others.
    pub(super) fn refuse_without_room(&mut self, left: FreeSpace) {
        if !left.is_short() {
            return;
        }
        let operations = std::mem::take(&mut self.operations);
        let completions = std::mem::take(&mut self.completions);
        for (operation, completion) in operations.into_iter().zip(completions) {
            if operation.takes_room() || left.is_exhausted() {
                completion.complete(Err(WriteFailure::NoRoom(left)));
            } else {
                self.operations.push(operation);
                self.completions.push(completion);
            }
        }
    }
}

/// About how many bytes an operation writes.
pub(super) fn size_bytes(operation: &Operation) -> usize {
    /// What keys, counters and framing come to.
    const FRAMING_BYTES: usize = 128;
    FRAMING_BYTES
        + match operation {
            Operation::Documents(write) => write
                .documents
                .iter()
                .map(|document| {
                    let bodies = document.bodies.iter().map(|body| body.body.as_bytes().len());
                    FRAMING_BYTES + document.tree.len() + bodies.sum::<usize>()
                })
                .sum(),
            Operation::Locals { writes, .. } => {
                writes.iter().map(|write| write.value.as_ref().map_or(0, Vec::len)).sum()
            }
            Operation::Chunk { bytes, .. } => bytes.len(),
            Operation::Upload(write) => match &write.step {
                UploadStep::Chunk { bytes, .. } => bytes.len(),
                _ => 0,
            },
            _ => 0,
        }
}
