//! How long a document takes, as lines `name value unit`. Not part of the test run:
//! `cargo test -p refuge-document --test speed -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use refuge_document::{
    Body, BodyPlace, Edit, EditKind, Rendering, Revision, RevisionTree, parse_bulk, parse_document,
    render_document, revision_id,
};

/// A document of about 500 bytes, shaped like those of the benchmark.
fn document(number: usize) -> String {
    format!(
        concat!(
            "{{\"_id\":\"document-{:08}\",\"name\":\"Somewhere upon Elsewhere\",\"country\":\"XX\",",
            "\"population\":{},\"altitude\":12.5,\"location\":{{\"type\":\"Point\",\"coordinates\":[{}.25,{}.5]}},",
            "\"tags\":[\"one\",\"two\",\"three\",\"four\"],\"active\":true,\"parent\":null,",
            "\"text\":\"{}\"}}"
        ),
        number,
        number * 17,
        number % 180,
        number % 90,
        "Lorem ipsum dolor sit amet, ".repeat(8)
    )
}

fn measure(name: &str, mut work: impl FnMut()) {
    const ROUNDS: u32 = 20_000;
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            work();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS));
    }
    println!("{name} {best:.0} ns");
}

fn chain(length: u32) -> RevisionTree {
    let mut tree = RevisionTree::default();
    let mut parent = None;
    for sequence in 1..=length {
        let edit = Edit {
            deleted: false,
            body: Body::empty(),
            attachments: Vec::new(),
            kind: EditKind::Interactive { parent: parent.clone() },
        };
        if let Ok(applied) = tree.apply(&edit, BodyPlace::At(u64::from(sequence)), 1000) {
            parent = Some(applied.revision().clone());
        }
    }
    tree
}

#[test]
#[ignore = "prints figures, tests nothing"]
fn print_figures() {
    let text = document(7);
    println!("document {} bytes", text.len());
    measure("parse", || {
        black_box(parse_document(black_box(text.as_bytes())).expect("a document"));
    });
    let incoming = parse_document(text.as_bytes()).expect("a document");
    measure("revision_id", || {
        black_box(revision_id(None, false, black_box(&incoming.body), &[]));
    });
    let revision: Revision = revision_id(None, false, &incoming.body, &[]);
    let mut out = Vec::with_capacity(1024);
    measure("render", || {
        out.clear();
        render_document(
            &mut out,
            &Rendering::new("document-7", &revision, black_box(&incoming.body)),
        );
    });
    let documents: Vec<String> = (0..10).map(document).collect();
    let bulk = format!("{{\"docs\":[{}]}}", documents.join(","));
    measure("split_10", || {
        black_box(parse_bulk(black_box(bulk.as_bytes())).expect("a request"));
    });
    for length in [1, 10, 1000] {
        let tree = chain(length);
        let mut bytes = Vec::new();
        tree.encode(&mut bytes, &mut Vec::new());
        println!("tree_{length} {} bytes", bytes.len());
        measure(&format!("decode_winner_{length}"), || {
            black_box(RevisionTree::decode_winner(black_box(&bytes)).expect("a tree"));
        });
        if length == 1000 {
            continue;
        }
        measure(&format!("decode_apply_encode_{length}"), || {
            let mut tree = RevisionTree::decode(black_box(&bytes)).expect("a tree");
            let parent = tree.winner().map(|leaf| leaf.revision);
            let edit = Edit {
                deleted: false,
                body: Body::empty(),
                attachments: Vec::new(),
                kind: EditKind::Interactive { parent },
            };
            tree.apply(&edit, BodyPlace::Pending(0), 1000).expect("no conflict");
            let mut out = Vec::new();
            tree.encode(&mut out, &mut Vec::new());
            black_box(out);
        });
    }
}
