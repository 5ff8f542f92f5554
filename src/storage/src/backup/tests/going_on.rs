//! One moment that is read more than once, each time from where somebody came.

use super::*;

/// Chunks of half a block, which stand apart from their keys.
const CHUNKS: u32 = 6;

fn chunks(engine: &mut Engine, record: &DatabaseRecord, upload: u8) {
    for number in 0..CHUNKS {
        let bytes = vec![upload + number as u8; BLOCK_BYTES / 2].into();
        let upload = [upload; 16];
        let chunk = Operation::Chunk { database: record.id, upload, number, bytes };
        engine.commit(vec![chunk]).unwrap();
    }
}

/// All rows, however they are cut into blocks.
fn rows_of(blocks: &[BackupBlock]) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for block in blocks {
        let (keyspace, mut rest) = block.bytes.split_first().unwrap();
        while let Some((key, value)) = rows::take(&mut rest) {
            all.push((*keyspace, key.to_vec(), value.to_vec()));
        }
    }
    all
}

/// Reads a moment again from the places behind its blocks, while what it holds leaves the present.
fn reads_again(only: &[usize]) {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::open(Options::new(folder.path().join("old"))).unwrap();
    let records = ["a", "b", "c"].map(|name| database(&mut engine, name));
    for (number, record) in records.iter().enumerate() {
        local(&mut engine, record, "x", &vec![b'x'; BLOCK_BYTES]);
        local(&mut engine, record, "y", b"small");
        chunks(&mut engine, record, 10 * number as u8);
    }
    let only: Vec<_> = only.iter().map(|number| records[*number].clone()).collect();
    let only = (!only.is_empty()).then_some(only);
    let moment = Arc::new(engine.store().snapshot().unwrap().for_backups(only));
    let mut first = moment.read(None).unwrap();
    let begin = std::iter::from_fn(|| first.next_block().unwrap()).find(|block| block.rows > 0);
    let mut all = vec![begin.unwrap()];
    local(&mut engine, &records[2], "x", b"later");
    local(&mut engine, &records[2], "z", b"later");
    engine.commit(vec![Operation::DeleteDatabase { name: "a".to_owned() }]).unwrap();
    while engine.drop_rows(100).unwrap() {}
    for keyspace in engine.shared.keyspaces.all() {
        keyspace.rotate_memtable_and_wait().unwrap();
    }
    engine.store().compact_now().unwrap();
    all.extend(blocks(first));
    assert!(all.len() > 8, "{} blocks", all.len());
    let places: Vec<_> =
        all.iter().step_by(2).map(|block| place_behind(&block.bytes).unwrap()).collect();
    for place in places.iter().cycle().take(8) {
        let expected: Vec<_> = rows_of(&all)
            .into_iter()
            .filter(|(keyspace, key, _)| [&[*keyspace][..], key].concat() > *place)
            .collect();
        let rest = rows_of(&blocks(moment.read(Some(place)).unwrap()));
        assert!(rest == expected, "{} rows instead of {}", rest.len(), expected.len());
    }
    assert!(moment.read(None).is_none(), "chunks can be read so often, and no more");
}

#[test]
fn from_each_place_on_the_rest_of_everything_is_as_it_was() {
    reads_again(&[]);
}

#[test]
fn from_each_place_on_the_rest_of_some_databases_is_as_it_was() {
    reads_again(&[2, 0]);
}

#[test]
fn a_place_is_told_of_blocks_alone() {
    let mut block = vec![7];
    rows::write(&mut block, b"a", b"one");
    rows::write(&mut block, b"b", b"two");
    assert_eq!(place_behind(&block).unwrap(), b"\x07b");
    for bytes in [&[][..], &[7], &block[..block.len() - 1]] {
        assert_eq!(place_behind(bytes), None, "{bytes:?}");
    }
}
