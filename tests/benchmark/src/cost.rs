//! Processor time that a part of the benchmark costs on both sides.

use std::time::Duration;

use crate::Outcome;
use crate::figure::Report;
use crate::process::Process;

/// What the server has cost since this began.
pub(crate) struct Cost<'a> {
    process: Option<&'a Process>,
    before: Option<Duration>,
}

impl<'a> Cost<'a> {
    pub(crate) fn begin(process: Option<&'a Process>) -> Outcome<Self> {
        let before = process.map(Process::processor_time).transpose()?;
        Ok(Self { process, before })
    }

    /// Prints the figure `name` with `_server_cpu` behind it, where the server's process is known.
    pub(crate) fn tell(self, report: &Report, name: &str, count: u64, unit: &str) -> Outcome<()> {
        if let (Some(process), Some(before)) = (self.process, self.before) {
            let used = process.processor_time()?.saturating_sub(before);
            report.figure(&format!("{name}_server_cpu"), micros(used, count), unit);
        }
        Ok(())
    }
}

/// Microseconds for each of `count`.
pub(crate) fn micros(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// Processor time that the calling thread has used so far: this program's client is one thread.
pub(crate) fn own_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}
