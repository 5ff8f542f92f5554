//! What the schedule decides at the end of every input: who is started and who is stopped now, and when it
//! wants to be asked again.

use super::place::Place;
use super::{Schedule, ScheduleEffect};

impl Schedule {
    /// Starts and stops what may be now, and asks to be woken for what may not yet.
    pub(super) fn settle(&mut self) -> Vec<ScheduleEffect> {
        while let Some((until_ms, number)) = self.resting.first().copied()
            && until_ms <= self.now_ms
        {
            self.resting.pop_first();
            self.wait(number);
        }
        self.stop_excess();
        self.start_waiting();
        self.take_turns();
        self.ask_to_be_woken();
        std::mem::take(&mut self.effects)
    }

    /// The limit was lowered: whoever takes turns goes first.
    fn stop_excess(&mut self) {
        let at_work = self.taking_turns.len() + self.to_their_end.len();
        for _ in self.limits.max_jobs..at_work {
            let longest = self.taking_turns.pop_first().or_else(|| self.to_their_end.pop_first());
            if let Some((_, number)) = longest {
                self.stop(number, Place::Stopping);
            }
        }
    }

    fn start_waiting(&mut self) {
        while self.occupied() < self.limits.max_jobs
            && let Some((_, number)) = self.waiting.pop_first()
        {
            let since_ms = self.now_ms;
            let continuous = self.jobs.get(&number).is_some_and(|job| job.continuous);
            self.put(number, Place::Running { since_ms });
            let at_work = if continuous { &mut self.taking_turns } else { &mut self.to_their_end };
            at_work.insert((since_ms, number));
            self.effects.push(ScheduleEffect::Start(number));
        }
    }

    /// Stops some in favour of those who wait, where the time for that has come.
    fn take_turns(&mut self) {
        if self.waiting.is_empty() {
            self.next_turn_ms = None;
            return;
        }
        // Whoever is the first to wait waits a whole interval, so that who runs has had some time.
        let due_ms = *self.next_turn_ms.get_or_insert(self.now_ms + self.limits.interval_ms);
        if due_ms > self.now_ms {
            return;
        }
        self.next_turn_ms = Some(self.now_ms + self.limits.interval_ms);
        // Who is being stopped makes room for somebody already.
        let wanted = self.waiting.len().saturating_sub(self.stopping);
        for _ in 0..wanted.min(self.limits.max_churn) {
            match self.taking_turns.pop_first() {
                Some((_, number)) => self.stop(number, Place::Stopping),
                None => break,
            }
        }
    }

    fn ask_to_be_woken(&mut self) {
        let rested = self.resting.first().map(|(until_ms, _)| *until_ms);
        let turn = self.next_turn_ms.filter(|_| !self.taking_turns.is_empty());
        let Some(due_ms) = rested.into_iter().chain(turn).min() else { return };
        if self.wake_at_ms.is_none_or(|wake_at| due_ms < wake_at) {
            self.wake_at_ms = Some(due_ms);
            // At least 1 ms, so that a shell that rounds down cannot spin.
            let after_ms = due_ms.saturating_sub(self.now_ms).max(1);
            self.effects.push(ScheduleEffect::Wake { after_ms });
        }
    }
}
