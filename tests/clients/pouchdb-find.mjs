// PouchDB's plugin for Mango with the node as a remote database. Argument: the node's URL.

import assert from 'node:assert/strict';
import PouchDB from 'pouchdb';
import PouchDBFind from 'pouchdb-find';

PouchDB.plugin(PouchDBFind);
const db = new PouchDB(`${process.argv[2]}/found`);
const towns = ['Ulm', 'Graz', 'Bern'];
await db.bulkDocs(
  Array.from({ length: 60 }, (_, n) => ({ _id: `p${String(n).padStart(2, '0')}`, age: n, town: towns[n % 3] })),
);

const made = await db.createIndex({ index: { fields: ['town', 'age'], name: 'by-town', ddoc: 'people' } });
assert.equal(made.result, 'created');
assert.equal(made.id, '_design/people');
const again = await db.createIndex({ index: { fields: ['town', 'age'], name: 'by-town', ddoc: 'people' } });
assert.equal(again.result, 'exists');
const known = await db.getIndexes();
assert.deepEqual(known.indexes.map((index) => index.name), ['_all_docs', 'by-town']);

const question = {
  selector: { town: 'Graz', age: { $gte: 10, $lt: 30 } },
  sort: ['town', 'age'],
  fields: ['_id', 'age'],
  limit: 4,
};
const ages = [];
let bookmark;
for (;;) {
  const page = await db.find({ ...question, bookmark });
  if (page.docs.length === 0) break;
  ages.push(...page.docs.map((doc) => doc.age));
  bookmark = page.bookmark;
}
assert.deepEqual(ages, [10, 13, 16, 19, 22, 25, 28]);

const plan = await db.explain(question);
assert.equal(plan.index.name, 'by-town');
assert.equal(plan.index.ddoc, '_design/people');
const scanned = await db.find({ selector: { age: { $in: [3, 5, 99] } } });
assert.deepEqual(scanned.docs.map((doc) => doc._id), ['p03', 'p05']);
assert.match(scanned.warning, /No matching index found/);
await assert.rejects(db.find({ selector: { age: 1 }, sort: ['nothing'] }), (error) => error.status === 400);

const changed = await db.changes({ selector: { town: 'Bern', age: { $lt: 9 } }, since: 0 });
assert.deepEqual(changed.results.map((change) => change.id).sort(), ['p02', 'p05', 'p08']);

const gone = await db.deleteIndex(known.indexes[1]);
assert.equal(gone.ok, true);
assert.equal((await db.getIndexes()).indexes.length, 1);
await db.destroy();
console.log('PouchDB finds what it looks for');
process.exit(0);
