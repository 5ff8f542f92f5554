//! The schedule, driven by hand and at random in virtual time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const LIMITS: ScheduleLimits = ScheduleLimits { max_jobs: 2, interval_ms: 60_000, max_churn: 1 };

/// A schedule and what its effects have done.
struct Shell {
    schedule: Schedule,
    now_ms: u64,
    wake_at_ms: Option<u64>,
    /// Jobs with an actor; whether it is being stopped.
    actors: BTreeMap<JobNumber, bool>,
    started: Vec<u64>,
}

impl Shell {
    fn new(limits: ScheduleLimits) -> Self {
        Self {
            schedule: Schedule::new(limits),
            now_ms: 0,
            wake_at_ms: None,
            actors: BTreeMap::new(),
            started: Vec::new(),
        }
    }

    fn carry_out(&mut self, effects: Vec<ScheduleEffect>) {
        for effect in effects {
            match effect {
                ScheduleEffect::Start(number) => {
                    let former = self.actors.insert(number, false);
                    assert_eq!(former, None, "{number:?} has an actor already");
                    self.started.push(number.0);
                }
                ScheduleEffect::Stop(number) => {
                    let former = self.actors.insert(number, true);
                    assert_eq!(former, Some(false), "{number:?} has no actor to be stopped");
                }
                ScheduleEffect::Wake { after_ms } => {
                    self.wake_at_ms = Some(self.now_ms + after_ms);
                }
            }
        }
        assert_eq!(self.schedule.occupied(), self.actors.len());
    }

    fn add(&mut self, number: u64, continuous: bool) {
        let effects = self.schedule.add(self.now_ms, JobNumber(number), continuous);
        self.carry_out(effects);
    }

    fn remove(&mut self, number: u64) {
        let effects = self.schedule.remove(self.now_ms, JobNumber(number));
        self.carry_out(effects);
    }

    /// A job's window closes or opens.
    fn turn_window(&mut self, number: u64, closed: bool) {
        let (now_ms, number) = (self.now_ms, JobNumber(number));
        let effects = match closed {
            true => self.schedule.close(now_ms, number),
            false => self.schedule.open(now_ms, number),
        };
        self.carry_out(effects);
    }

    fn gone(&mut self, number: u64, ending: Ending) {
        self.actors.remove(&JobNumber(number)).expect("an actor");
        let effects = self.schedule.gone(self.now_ms, JobNumber(number), ending);
        self.carry_out(effects);
    }

    /// All that are being stopped are gone.
    fn all_stopped(&mut self) {
        loop {
            let stopping = self.actors.iter().find(|(_, stopping)| **stopping);
            let Some(number) = stopping.map(|(number, _)| number.0) else { return };
            self.gone(number, Ending::Done);
        }
    }

    /// Sleeps until the schedule wants to be woken; how long that was.
    fn sleep(&mut self) -> u64 {
        let until_ms = self.wake_at_ms.take().expect("nobody is to be woken");
        let slept = until_ms.saturating_sub(self.now_ms);
        self.now_ms = self.now_ms.max(until_ms);
        let effects = self.schedule.elapsed(self.now_ms);
        self.carry_out(effects);
        slept
    }

    fn standing(&self, number: u64) -> Option<Standing> {
        self.schedule.standing(JobNumber(number))
    }
}

#[test]
fn who_waits_longest_starts_when_there_is_room() {
    let mut shell = Shell::new(LIMITS);
    for number in 1..=4 {
        shell.add(number, false);
    }
    assert_eq!(shell.started, [1, 2]);
    assert_eq!(shell.standing(3), Some(Standing::Pending));
    shell.gone(2, Ending::Done);
    assert_eq!(shell.started, [1, 2, 3]);
    assert_eq!(shell.standing(2), None);
    shell.remove(1);
    assert_eq!(shell.started.len(), 3, "its place is free when its actor is gone");
    shell.gone(1, Ending::Done);
    assert_eq!(shell.started, [1, 2, 3, 4]);
}

#[test]
fn continuous_jobs_take_turns_and_those_that_run_once_do_not() {
    let mut shell = Shell::new(LIMITS);
    shell.add(1, false);
    for number in 2..=4 {
        shell.add(number, true);
    }
    let mut slept = 0;
    for _ in 0..4 {
        slept += shell.sleep();
        shell.all_stopped();
    }
    assert_eq!(slept, 240_000);
    assert_eq!(shell.started, [1, 2, 3, 4, 2, 3]);
}

#[test]
fn nobody_is_stopped_while_nobody_waits() {
    let mut shell = Shell::new(LIMITS);
    shell.add(1, true);
    shell.add(2, true);
    assert_eq!(shell.wake_at_ms, None);
    shell.now_ms = 1_000_000;
    shell.add(3, true);
    assert_eq!(shell.sleep(), 60_000, "who runs is not stopped at once for who is new");
}

#[test]
fn crashes_make_it_rest_longer_each_time_until_it_runs_well() {
    let mut shell = Shell::new(LIMITS);
    shell.add(1, true);
    let mut rests = Vec::new();
    for _ in 0..20 {
        shell.gone(1, Ending::Crashed);
        assert_eq!(shell.standing(1), Some(Standing::Crashing));
        rests.push(shell.sleep());
    }
    assert_eq!(rests[..4], [250, 500, 1_000, 2_000]);
    assert_eq!(rests[19], 8 * 3_600_000);
    assert_eq!(shell.schedule.jobs[&JobNumber(1)].crashes.count(), 20);
    shell.now_ms += 120_000;
    shell.gone(1, Ending::Crashed);
    assert_eq!(shell.sleep(), 250);
}

#[test]
fn a_job_that_is_held_waits_for_its_owner() {
    let mut shell = Shell::new(LIMITS);
    shell.add(1, true);
    shell.gone(1, Ending::Held);
    assert_eq!((shell.standing(1), shell.wake_at_ms), (Some(Standing::Crashing), None));
    let effects = shell.schedule.resume(shell.now_ms, JobNumber(1));
    shell.carry_out(effects);
    assert_eq!(shell.started, [1, 1]);
    shell.gone(1, Ending::Held);
    shell.remove(1);
    assert_eq!(shell.standing(1), None);
}

#[test]
fn a_lower_limit_stops_and_a_higher_one_starts() {
    let mut shell = Shell::new(LIMITS);
    shell.add(1, false);
    shell.add(2, true);
    shell.add(3, true);
    let none = ScheduleLimits { max_jobs: 1, ..LIMITS };
    let effects = shell.schedule.limit(0, none);
    shell.carry_out(effects);
    shell.all_stopped();
    assert_eq!((shell.standing(1), shell.actors.len()), (Some(Standing::Running), 1));
    let effects = shell.schedule.limit(0, ScheduleLimits { max_jobs: 5, ..LIMITS });
    shell.carry_out(effects);
    assert_eq!(shell.started, [1, 2, 3, 2]);
}

#[test]
fn a_job_runs_while_its_window_is_open() {
    let mut shell = Shell::new(LIMITS);
    shell.schedule.add_closed(JobNumber(1), true);
    assert_eq!((shell.standing(1), shell.started.len()), (Some(Standing::Pending), 0));
    shell.turn_window(1, false);
    assert_eq!(shell.standing(1), Some(Standing::Running));
    shell.turn_window(1, true);
    shell.all_stopped();
    assert_eq!(shell.standing(1), Some(Standing::Pending));
    shell.turn_window(1, false);
    assert_eq!(shell.started, [1, 1]);

    // Closed and open again before its actor is gone; and closed while it rests.
    shell.turn_window(1, true);
    shell.turn_window(1, false);
    shell.all_stopped();
    assert_eq!(shell.started, [1, 1, 1]);
    shell.gone(1, Ending::Crashed);
    shell.turn_window(1, true);
    shell.sleep();
    assert_eq!((shell.standing(1), shell.started.len()), (Some(Standing::Pending), 3));
    shell.remove(1);
    assert_eq!(shell.standing(1), None);
}

#[derive(Clone, Debug)]
enum Move {
    Add { continuous: bool },
    Remove(prop::sample::Index),
    Gone(prop::sample::Index, bool),
    Stopped(prop::sample::Index),
    Window(prop::sample::Index, bool),
    Limit { max_jobs: usize, max_churn: usize },
    Pass(u64),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => any::<bool>().prop_map(|continuous| Move::Add { continuous }),
        1 => any::<prop::sample::Index>().prop_map(Move::Remove),
        2 => any::<(prop::sample::Index, bool)>().prop_map(|(one, done)| Move::Gone(one, done)),
        3 => any::<prop::sample::Index>().prop_map(Move::Stopped),
        1 => any::<(prop::sample::Index, bool)>().prop_map(|(one, closed)| Move::Window(one, closed)),
        1 => (1_usize..6, 1_usize..4)
            .prop_map(|(max_jobs, max_churn)| Move::Limit { max_jobs, max_churn }),
        3 => (0_u64..100_000).prop_map(Move::Pass),
    ]
}

/// What a random life has come to.
struct Life {
    shell: Shell,
    limits: ScheduleLimits,
    jobs: BTreeMap<u64, bool>,
    next: u64,
}

impl Life {
    fn make(&mut self, step: Move) {
        match step {
            Move::Add { continuous } => {
                self.next += 1;
                self.jobs.insert(self.next, continuous);
                self.shell.add(self.next, continuous);
            }
            Move::Remove(one) if !self.jobs.is_empty() => {
                let number = *one.get(&self.jobs.keys().copied().collect::<Vec<_>>());
                self.jobs.remove(&number);
                self.shell.remove(number);
            }
            Move::Gone(one, done) => self.end_one(&one, false, done),
            Move::Stopped(one) => self.end_one(&one, true, false),
            Move::Limit { max_jobs, max_churn } => {
                self.limits = ScheduleLimits { max_jobs, max_churn, ..self.limits };
                let effects = self.shell.schedule.limit(self.shell.now_ms, self.limits);
                self.shell.carry_out(effects);
            }
            Move::Pass(ms) => {
                self.shell.now_ms += ms;
                let effects = self.shell.schedule.elapsed(self.shell.now_ms);
                self.shell.wake_at_ms = None;
                self.shell.carry_out(effects);
            }
            Move::Window(one, closed) if !self.jobs.is_empty() => {
                let number = *one.get(&self.jobs.keys().copied().collect::<Vec<_>>());
                self.shell.turn_window(number, closed);
            }
            Move::Remove(_) | Move::Window(..) => {}
        }
    }

    fn end_one(&mut self, one: &prop::sample::Index, stopping: bool, done: bool) {
        let chosen = self.shell.actors.iter().filter(|(_, of)| **of == stopping);
        let numbers: Vec<u64> = chosen.map(|(number, _)| number.0).collect();
        if numbers.is_empty() {
            return;
        }
        let number = *one.get(&numbers);
        // Only what runs once comes to an end by itself.
        let done = done && self.jobs.get(&number) == Some(&false);
        if done && !stopping {
            self.jobs.remove(&number);
        }
        self.shell.gone(number, if done { Ending::Done } else { Ending::Crashed });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Never more actors than may be, and never a free place while somebody waits; in the end nobody
    /// starves: whoever is left runs within as many rounds as it takes to let all before it run.
    #[test]
    fn limits_hold_and_nobody_starves(steps in prop::collection::vec(moves(), 1..120)) {
        let limits = ScheduleLimits { max_jobs: 3, interval_ms: 60_000, max_churn: 2 };
        let shell = Shell::new(limits);
        let mut life = Life { shell, limits, jobs: BTreeMap::new(), next: 0 };
        for step in steps {
            let (before, limit) = (life.shell.actors.len(), life.limits.max_jobs);
            let is_limit = matches!(step, Move::Limit { .. });
            life.make(step);
            let actors = life.shell.actors.len();
            prop_assert!(actors <= before.max(life.limits.max_jobs), "{actors} run");
            if !is_limit && before <= limit {
                prop_assert!(actors <= limit, "{actors} run, {limit} may");
            }
            let free = actors < life.limits.max_jobs;
            prop_assert!(!free || life.shell.schedule.waiting.is_empty(), "a place stays free");
        }
        // From now on it is everybody's time, nobody crashes, what runs once ends, and time passes.
        let known = life.jobs.len();
        for number in life.jobs.keys().copied().collect::<Vec<_>>() {
            life.shell.turn_window(number, false);
        }
        life.shell.started.clear();
        let before: Vec<u64> = life.shell.actors.keys().map(|number| number.0).collect();
        for _ in 0..(2 * known + 30) {
            life.shell.all_stopped();
            let once: Vec<u64> = life.shell.actors.keys().map(|number| number.0)
                .filter(|number| life.jobs.get(number) == Some(&false)).collect();
            for number in &once {
                life.shell.gone(*number, Ending::Done);
            }
            if life.shell.wake_at_ms.is_some() {
                life.shell.sleep();
            } else if once.is_empty() && life.shell.actors.values().all(|stopping| !stopping) {
                break;
            }
        }
        for number in life.jobs.keys() {
            let ran = life.shell.started.contains(number) || before.contains(number);
            prop_assert!(ran, "{number} starves: {:?}", life.shell.standing(*number));
        }
    }
}
