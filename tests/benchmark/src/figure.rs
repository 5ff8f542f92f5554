//! How figures are told: `name value unit`, then what CouchDB 3.5.0 reached, how far this is from it, and
//! whether it is what refuge is to reach.

use crate::machine::Limits;
use crate::reference::{self, Better, Goal, Reference, Scale};

/// Appends with fsync per second on the machine on which CouchDB was measured.
const REFERENCE_APPEND_SYNC: f64 = 11_400.0;
/// Bare hyper answers per second at many connections on a machine of that kind.
const REFERENCE_HELLO: f64 = 82_600.0;

/// Above it the machine is not this benchmark's alone.
const QUIET_LOAD: f64 = 1.0;

/// Prints figures as they come.
pub(crate) struct Report {
    limits: Limits,
}

impl Report {
    /// Begins with the machine's limits.
    pub(crate) fn new(limits: Limits) -> Self {
        let report = Self { limits };
        println!("# This machine's own limits.");
        report.figure("machine_append_sync", limits.append_sync, "per_second");
        report.figure("machine_hello_1", limits.hello_1.per_second, "per_second");
        report.figure("machine_hello_1_client_cpu", limits.hello_1.client_micros, "us_per_request");
        report.figure("machine_hello_64", limits.hello_64.per_second, "per_second");
        report.figure(
            "machine_hello_64_client_cpu",
            limits.hello_64.client_micros,
            "us_per_request",
        );
        report.figure("machine_memory_scan", limits.memory_scan, "GB_per_second");
        if let Some(load) = limits.load {
            report.figure("machine_load", load, "programs");
        }
        if limits.load.is_some_and(|load| load > QUIET_LOAD) {
            println!(
                "# Others compute here: the limits are those of a moment, and what is scaled by them, or held \
                 against a bound, says little."
            );
        }
        println!(
            "# Behind #: CouchDB 3.5.0 on a machine with {REFERENCE_APPEND_SYNC} appends with fsync and \
             {REFERENCE_HELLO} bare hyper answers a second, how many times better this is, and the same once \
             CouchDB's figure is scaled to this machine: writes by appends ({:.2}), all else by bare answers \
             ({:.2}); memory and disk are not scaled. Then what refuge is to reach: so many times CouchDB, \
             scaled, or a bound for the value as it is.",
            limits.append_sync / REFERENCE_APPEND_SYNC,
            limits.hello_64.per_second / REFERENCE_HELLO,
        );
        report
    }

    /// Prints one figure, and what is known beforehand of one with this name.
    pub(crate) fn figure(&self, name: &str, value: f64, unit: &str) {
        let beside = reference::find(name).map(|known| self.beside(known, value));
        print(name, value, unit, &beside.unwrap_or_default());
    }

    fn beside(&self, known: &Reference, value: f64) -> String {
        let mut parts = Vec::new();
        let mut scaled = None;
        if let Some((couchdb, better)) = known.couchdb {
            let times = match better {
                Better::Less => couchdb / value,
                Better::More => value / couchdb,
            };
            parts.push(format!("CouchDB {couchdb}, {times:.1} x"));
            // A quicker machine makes rates larger and times shorter: either way the lead shrinks by it.
            if let Some(factor) = self.factor(known.scale) {
                scaled = Some(times / factor);
                parts.push(format!("scaled {:.1} x", times / factor));
            }
        }
        parts.extend(verdict(known.goal, value, scaled.unwrap_or_default()));
        format!("  # {}", parts.join(", "))
    }

    fn factor(&self, scale: Scale) -> Option<f64> {
        match scale {
            Scale::AppendSync => Some(self.limits.append_sync / REFERENCE_APPEND_SYNC),
            Scale::Hello => Some(self.limits.hello_64.per_second / REFERENCE_HELLO),
            Scale::Nothing => None,
        }
    }
}

/// Prints a figure that is compared with nothing.
pub(crate) fn print(name: &str, value: f64, unit: &str, beside: &str) {
    let digits = if value >= 1000.0 { 0 } else { 3 };
    println!("{name} {value:.digits$} {unit}{beside}");
}

/// Says what was wanted and whether that is it; `scaled` is how many times CouchDB this is.
fn verdict(goal: Goal, value: f64, scaled: f64) -> Option<String> {
    let (wanted, met) = match goal {
        Goal::Nothing => return None,
        Goal::Times(times) => (format!("{times} x"), scaled >= times),
        Goal::AtLeast(least) => (format!("at least {least}"), value >= least),
        Goal::AtMost(most) => (format!("at most {most}"), value <= most),
    };
    Some(format!("wanted {wanted}: {}", if met { "met" } else { "SHORT" }))
}
