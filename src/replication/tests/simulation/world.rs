//! The world of one run: two databases, a machine in each direction, and a queue of what happens
//! when. Checks, besides convergence: a checkpoint never claims what the target lacks, and a machine
//! that is made anew never asks for what stands before the checkpoint.

mod arriving;
mod checking;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use refuge_replication::{
    Answer, Checkpoint, CheckpointLog, Effect, End, EndFailure, EndPoint, Failure, Replication,
    ReplicationId, ReplicationIdentity, Request, RequestId, Retries, Selection, Settings, Summary,
    common_session,
};

use crate::database::Database;
use crate::dice::Dice;
use crate::plan::{Chosen, Plan};

/// Edits and faults happen in the first two minutes.
const BUSY_MS: u64 = 120_000;
/// Then half an hour of peace, more than any pause and deadline.
const WHOLE_MS: u64 = BUSY_MS + 1_800_000;
/// How long an end waits for a change.
const LONGEST_WAIT_MS: u64 = 55_000;
/// How often it looks for one.
const WAIT_STEP_MS: u64 = 500;
const EDITS: u64 = 150;
const DOCUMENTS: u64 = 25;
pub(crate) const REFUSED: &str = "refused";

enum Event {
    Edit,
    Crash(usize),
    MakeAnew,
    Begin(usize),
    Wake(usize, u64),
    Arrive(Arrival),
    Answer(usize, u64, RequestId, Result<Answer, EndFailure>),
}

/// A request at the end that it was sent to.
struct Arrival {
    from: usize,
    generation: u64,
    id: RequestId,
    end: End,
    request: Request,
    /// Until when the end may let it wait for a change.
    patience_ms: u64,
}

/// One direction: `databases[from]` to `databases[1 - from]`.
struct Direction {
    id: ReplicationId,
    machine: Option<Replication>,
    /// Counts machines: what was sent by a former one reaches nobody.
    generation: u64,
    began_ms: u64,
    wake: u64,
    /// Where the checkpoints stood that the machine found, then where it has read to.
    floor: u64,
    finished: Option<Result<Summary, Failure>>,
    /// Checkpoints that the machine has asked for or written, and at which end.
    asked: BTreeMap<RequestId, End>,
    /// Ends whose checkpoint the machine knows.
    knows: [bool; 2],
    session_id: String,
    /// The checkpoints that it found when it began.
    found: [Option<CheckpointLog>; 2],
}

impl Direction {
    fn heard(&mut self, id: RequestId, outcome: &Result<Answer, EndFailure>) {
        let Some(end) = self.asked.remove(&id) else { return };
        let end = usize::from(end == End::Target);
        if let Ok(Answer::Checkpoint(Some(_)) | Answer::CheckpointWritten { .. }) = outcome {
            self.knows[end] = true;
        }
        let Ok(Answer::Checkpoint(found)) = outcome else { return };
        let begins = self.found.iter().any(Option::is_none);
        let log = log_of(found.as_ref());
        let newest = log.sessions.first().map(|session| session.id.clone());
        let former = self.found[end].get_or_insert(log).sessions.first();
        let known = [former.map(|session| &session.id), Some(&self.session_id)];
        if newest.is_some() && !known.contains(&newest.as_ref()) {
            // A former machine's write came late: this one begins anew rather than go on with what it does not know.
            self.floor = 0;
        }
        if let ([Some(source), Some(target)], true) = (&self.found, begins) {
            let common = common_session(source, target);
            self.floor = common.map_or(0, |(sequence, _)| Database::number(&sequence));
        }
    }
}

fn log_of(checkpoint: Option<&Checkpoint>) -> CheckpointLog {
    checkpoint.map(|found| CheckpointLog::read(&found.body)).unwrap_or_default()
}

pub(crate) struct World {
    plan: Plan,
    dice: Dice,
    now_ms: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Event>,
    databases: [Database; 2],
    directions: [Direction; 2],
    selection: Arc<Selection>,
    /// Documents of the first side that passed at any time.
    passed: BTreeSet<String>,
}

impl World {
    pub(crate) fn new(seed: u64, plan: Plan) -> Self {
        let ends = [EndPoint::Local("a".to_owned()), EndPoint::Local("b".to_owned())];
        let selection = Arc::new(plan.chosen.selection());
        let direction = |from: usize| Direction {
            id: ReplicationId::of(ReplicationIdentity {
                node_uuid: "node",
                source: &ends[from],
                target: &ends[1 - from],
                continuous: plan.continuous,
                create_target: false,
                strip: false,
                selection: &selection,
                since: None,
                user: None,
            }),
            machine: None,
            generation: 0,
            began_ms: 0,
            wake: 0,
            floor: 0,
            finished: None,
            asked: BTreeMap::new(),
            knows: [false; 2],
            session_id: String::new(),
            found: [None, None],
        };
        let refused = plan.refusals.then_some(REFUSED);
        let mut databases = [Database::new(None), Database::new(refused)];
        for database in &mut databases {
            database.tells = !plan.nameless;
        }
        Self {
            plan,
            dice: Dice::new(seed),
            now_ms: 0,
            order: 0,
            queue: BTreeMap::new(),
            databases,
            directions: [direction(0), direction(1)],
            selection,
            passed: BTreeSet::new(),
        }
    }

    pub(crate) fn run(mut self) {
        self.schedule_the_run();
        while let Some((key, event)) = self.queue.pop_first() {
            if key.0 > WHOLE_MS {
                break;
            }
            self.now_ms = key.0;
            self.happen(event);
        }
        if !self.plan.continuous {
            self.run_once_more();
        }
        self.check_the_end();
    }

    fn schedule_the_run(&mut self) {
        for _ in 0..EDITS {
            let at = self.dice.below(BUSY_MS);
            self.at(at, Event::Edit);
        }
        for from in [0, 1] {
            self.at(0, Event::Begin(from));
            if self.plan.faults {
                for _ in 0..self.dice.below(8) {
                    let at = self.dice.below(BUSY_MS);
                    self.at(at, Event::Crash(from));
                }
            }
            if !self.plan.continuous {
                for _ in 0..self.dice.below(6) {
                    let at = self.dice.below(BUSY_MS);
                    self.at(at, Event::Begin(from));
                }
            }
        }
        if self.plan.target_made_anew {
            let at = self.dice.below(BUSY_MS);
            self.at(at, Event::MakeAnew);
        }
    }

    fn at(&mut self, at_ms: u64, event: Event) {
        self.order += 1;
        self.queue.insert((at_ms, self.order), event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Edit => self.edit(),
            Event::MakeAnew => self.make_anew(),
            Event::Crash(from) => {
                self.directions[from].machine = None;
                let at = self.now_ms + self.dice.below(5_000);
                self.at(at, Event::Begin(from));
            }
            Event::Begin(from) => self.begin(from),
            Event::Wake(from, wake) => {
                if self.directions[from].wake == wake {
                    self.drive(from, |machine, now_ms| machine.elapsed(now_ms));
                }
            }
            Event::Arrive(arrival) => self.arrive(arrival),
            Event::Answer(from, generation, id, outcome) => {
                if self.directions[from].generation == generation {
                    self.directions[from].heard(id, &outcome);
                    self.drive(from, |machine, now_ms| machine.answer(now_ms, id, outcome));
                }
            }
        }
    }

    /// Where the ends are nameless, it happens neither before there are checkpoints that both machines know (one that
    /// a former machine wrote after they looked is none of them) nor between a look at one and its write: nobody
    /// could notice.
    fn make_anew(&mut self) {
        let touches_checkpoints = |event: &Event| match event {
            Event::Arrive(arrival) => matches!(arrival.request, Request::WriteCheckpoint { .. }),
            Event::Answer(_, _, _, outcome) => matches!(outcome, Ok(Answer::Checkpoint(_))),
            _ => false,
        };
        // The second database is the target of the first direction and the source of the other.
        let unknown = |(direction, end): (&Direction, usize)| {
            direction.machine.is_some() && !direction.knows[end]
        };
        let unnoticed = self.databases[1].checkpoints() < 2
            || self.directions.iter().zip([1, 0]).any(unknown)
            || self.queue.values().any(touches_checkpoints);
        match self.plan.nameless && unnoticed {
            true => self.at(self.now_ms + 100, Event::MakeAnew),
            false => self.databases[1].make_anew(),
        }
    }

    fn edit(&mut self) {
        let side = self.dice.below(2) as usize;
        // Where something is left out only the first side is edited: what the other has came from there.
        let side = if self.plan.chosen == Chosen::All { side } else { 0 };
        let number = self.dice.below(DOCUMENTS);
        let prefix = match self.plan.refusals && number.is_multiple_of(5) {
            true => REFUSED,
            false => "document",
        };
        let id = format!("{prefix}-{number}");
        let choice = self.dice.below(4) as usize;
        let deleted = self.dice.percent(20);
        let text = format!("{{\"number\":{}}}", self.dice.below(1_000));
        self.databases[side].edit(&id, choice, deleted, &text);
        if self.plan.chosen != Chosen::All {
            self.passed.extend(self.databases[0].passing(&self.selection));
        }
    }

    fn begin(&mut self, from: usize) {
        if self.directions[from].machine.is_some() {
            return;
        }
        let session_id = format!("{:032x}", self.dice.number());
        let id = self.directions[from].id.clone();
        let mut settings = match self.plan.continuous {
            true => Settings::continuous(id.clone(), session_id.clone(), 0),
            false => Settings::once(id.clone(), session_id.clone(), 0),
        };
        settings.batch_documents = 1 + self.dice.below(8) as usize;
        settings.most_batch_documents = settings.batch_documents * 2;
        settings.batch_bytes = 1 + self.dice.below(400) as usize;
        settings.most_batch_bytes = settings.batch_bytes * 2;
        settings.batches_under_way = 1 + self.dice.below(4) as usize;
        settings.answer_deadline_ms = 90_000;
        settings.selection = Arc::clone(&self.selection);
        settings.retries = Retries { limit: None, ..settings.retries };
        let now_ms = self.now_ms;
        let direction = &mut self.directions[from];
        direction.floor = 0;
        direction.found = [None, None];
        direction.session_id = session_id;
        direction.generation += 1;
        direction.wake += 1;
        direction.began_ms = now_ms;
        direction.finished = None;
        direction.knows = [false; 2];
        direction.asked.clear();
        direction.machine = Some(Replication::new(settings));
        self.drive(from, |machine, now_ms| machine.start(now_ms));
    }

    fn drive(&mut self, from: usize, step: impl FnOnce(&mut Replication, u64) -> Vec<Effect>) {
        let now_ms = self.now_ms;
        let direction = &mut self.directions[from];
        let Some(machine) = &mut direction.machine else {
            return;
        };
        let effects = step(machine, now_ms - direction.began_ms);
        let generation = direction.generation;
        for effect in effects {
            match effect {
                Effect::Request { id, end, request } => {
                    self.check_request(from, &request);
                    if matches!(
                        request,
                        Request::Checkpoint { .. } | Request::WriteCheckpoint { .. }
                    ) {
                        self.directions[from].asked.insert(id, end);
                    }
                    let at = self.now_ms + self.dice.below(400);
                    let patience_ms = at + LONGEST_WAIT_MS;
                    let arrival = Arrival { from, generation, id, end, request, patience_ms };
                    self.at(at, Event::Arrive(arrival));
                }
                Effect::Wake { after_ms } => {
                    self.directions[from].wake += 1;
                    let wake = self.directions[from].wake;
                    self.at(self.now_ms + after_ms, Event::Wake(from, wake));
                }
                Effect::Refused(refused) => {
                    assert!(refused.iter().all(|one| one.id.starts_with(REFUSED)));
                }
                Effect::Finished(outcome) => {
                    self.directions[from].machine = None;
                    self.directions[from].finished = Some(outcome);
                }
            }
        }
    }

    /// One calm run in each direction, one after the other.
    fn run_once_more(&mut self) {
        for from in [0, 1] {
            self.queue.clear();
            self.directions[from].machine = None;
            self.begin(from);
            while self.directions[from].finished.is_none() {
                let (key, event) = self.queue.pop_first().expect("the machine stopped asking");
                self.now_ms = self.now_ms.max(key.0);
                self.happen(event);
            }
            let outcome = self.directions[from].finished.as_ref().unwrap();
            let summary = outcome.as_ref().expect("a calm run succeeds");
            assert_eq!(summary.body["ok"], true);
        }
    }
}
