//! What a process costs, from Linux's /proc.

use std::fs;
use std::time::Duration;

use crate::Outcome;

/// A process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Processor time it has used so far, of all its threads.
    pub(crate) fn processor_time(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // Its name, in parentheses, may hold anything; what follows is words.
        let (_, rest) = stat.rsplit_once(')').ok_or("an unknown form of /proc/PID/stat")?;
        let mut words = rest.split_whitespace().skip(11);
        let mut ticks = || -> Outcome<u64> { Ok(words.next().ok_or("too few words")?.parse()?) };
        let ticks = ticks()? + ticks()?;
        Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
    }

    /// Memory of it that is resident now.
    pub(crate) fn resident_mebibytes(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
        Ok(kibibytes.parse::<f64>()? / 1024.0)
    }
}

/// Processor time that this program has used so far.
pub(crate) fn own_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}
