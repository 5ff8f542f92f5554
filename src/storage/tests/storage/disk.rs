//! What is not needed is given back to the disk, without anybody asking for it.

use std::time::{Duration, Instant};

use refuge_document::{Body, BodyPlace};
use refuge_storage::{DatabaseId, Engine, Options};

use crate::fixture::{Fixture, delete, document};

const MIB: u64 = 1024 * 1024;
const DOCUMENTS: usize = 4096;
const BODY_BYTES: usize = 4096;

/// Text that does not compress.
fn text(seed: &mut u64) -> Vec<u8> {
    let mut next = || {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        (*seed >> 32) as u8
    };
    (0..BODY_BYTES).map(|_| next()).collect()
}

fn rewrite(fixture: &mut Fixture, database: DatabaseId, seed: &mut u64) {
    for first in (0..DOCUMENTS).step_by(128) {
        let documents = (first..first + 128).map(|number| {
            let id = format!("{number:06}");
            let stored = fixture.snapshot().document(database, &id).unwrap();
            let obsolete = stored.as_ref().map(|record| BodyPlace::At(record.sequence));
            let mut asked =
                document(&id, &["{}"], stored.map(|record| record.previous(false, false)));
            asked.bodies[0].body = Body::from_stored(text(seed).into());
            asked.obsolete = obsolete.into_iter().collect();
            asked
        });
        let documents = documents.collect();
        fixture.write(database, documents);
    }
    fixture.collect(1);
}

fn until_tables_take(fixture: &mut Fixture, most: u64) {
    let started = Instant::now();
    loop {
        let figures = fixture.engine().store().upkeep().unwrap();
        if figures.table_bytes <= most {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{figures:?}, {most} allowed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn ten_rewrites_leave_no_more_behind_than_one() {
    let mut fixture = Fixture::new();
    drop(fixture.take_engine());
    let options = Options { memtable_bytes: MIB, ..Options::new(fixture.directory.path()) };
    fixture.give_engine(Engine::open(options).unwrap());
    let database = fixture.create("db");
    let mut seed = 1;
    for _ in 0..=10 {
        rewrite(&mut fixture, database, &mut seed);
    }
    let live = (DOCUMENTS * BODY_BYTES) as u64;
    until_tables_take(&mut fixture, live + live / 2);
    fixture.commit_one(delete("db"));
    while fixture.engine().drop_rows(1000).unwrap() {}
    until_tables_take(&mut fixture, 4 * MIB);
}
