//! How figures are told: `name value unit`, then what CouchDB 3.5.0 reached and how far this is from it.

use crate::machine::Limits;

/// Appends with fsync per second on the machine on which CouchDB was measured.
const REFERENCE_APPEND_SYNC: f64 = 11_400.0;
/// Bare hyper answers per second at many connections on a machine of that kind.
const REFERENCE_HELLO: f64 = 82_600.0;

/// The limit of the machine by which a figure is scaled.
#[derive(Clone, Copy)]
enum Scale {
    /// Writes wait for the disk.
    AppendSync,
    /// Reads are work of the processor.
    Hello,
}

/// CouchDB 3.5.0 with 500-byte documents: name, value, scale, whether less is better.
const REFERENCES: &[(&str, f64, Scale, bool)] = &[
    ("put_1", 229.0, Scale::AppendSync, false),
    ("put_64", 1_226.0, Scale::AppendSync, false),
    ("bulk_1", 6_300.0, Scale::AppendSync, false),
    ("bulk_4", 8_200.0, Scale::AppendSync, false),
    ("create_1000_databases", 15.0, Scale::AppendSync, true),
    ("get_1", 680.0, Scale::Hello, false),
    ("get_64", 1_378.0, Scale::Hello, false),
    ("changes_100000", 3.8, Scale::Hello, true),
    ("changes_100000_with_documents", 12.8, Scale::Hello, true),
    ("resident_memory_idle", 70.0, Scale::Hello, true),
    ("first_answer_existing_root", 1_500.0, Scale::Hello, true),
];

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
        println!(
            "# Behind #: CouchDB 3.5.0 on a machine with {REFERENCE_APPEND_SYNC} appends with fsync and \
             {REFERENCE_HELLO} bare hyper answers a second, how many times better this is, and the same once \
             CouchDB's figure is scaled to this machine: writes by appends ({:.2}), all else by bare answers \
             ({:.2}); memory is not scaled.",
            limits.append_sync / REFERENCE_APPEND_SYNC,
            limits.hello_64.per_second / REFERENCE_HELLO,
        );
        report
    }

    /// Prints one figure.
    pub(crate) fn figure(&self, name: &str, value: f64, unit: &str) {
        let digits = if value >= 1000.0 { 0 } else { 3 };
        match REFERENCES.iter().find(|(reference, ..)| *reference == name) {
            Some(reference) => {
                println!("{name} {value:.digits$} {unit}  {}", self.beside(*reference, value));
            }
            None => println!("{name} {value:.digits$} {unit}"),
        }
    }

    fn beside(&self, reference: (&str, f64, Scale, bool), value: f64) -> String {
        let (name, couchdb, scale, less_is_better) = reference;
        let times = if less_is_better { couchdb / value } else { value / couchdb };
        if name == "resident_memory_idle" {
            return format!("# CouchDB {couchdb}, {times:.1} x");
        }
        // A quicker machine makes rates larger and times shorter: either way the lead shrinks by it.
        let scaled = times / self.factor(scale);
        format!("# CouchDB {couchdb}, {times:.1} x, scaled {scaled:.1} x")
    }

    fn factor(&self, scale: Scale) -> f64 {
        match scale {
            Scale::AppendSync => self.limits.append_sync / REFERENCE_APPEND_SYNC,
            Scale::Hello => self.limits.hello_64.per_second / REFERENCE_HELLO,
        }
    }
}
