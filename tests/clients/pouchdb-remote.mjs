// PouchDB with the node as a remote database. Argument: the node's URL.

import assert from 'node:assert/strict';
import PouchDB from 'pouchdb';

const db = new PouchDB(`${process.argv[2]}/remote`);
const info = await db.info();
assert.equal(info.db_name, 'remote');
assert.equal(info.doc_count, 0);

const put = await db.put({ _id: 'one', n: 1 });
assert.equal(put.rev, '1-' + put.rev.slice(2));
await assert.rejects(db.put({ _id: 'one', n: 2 }), (error) => error.status === 409 && error.name === 'conflict');
await assert.rejects(db.get('nobody'), (error) => error.status === 404);
const posted = await db.post({ n: 2 });
assert.ok(posted.id.length > 0);
const one = await db.get('one', { revs: true });
assert.equal(one._revisions.start, 1);
await db.bulkDocs([{ _id: 'two' }, { _id: 'three' }, { ...one, n: 3 }]);
assert.equal((await db.get('one')).n, 3);

const all = await db.allDocs({ include_docs: true, keys: ['three', 'one', 'nobody'] });
assert.deepEqual(all.rows.map((row) => row.error ?? row.id), ['three', 'one', 'not_found']);
const range = await db.allDocs({ startkey: 'o', endkey: 'o\ufff0' });
assert.deepEqual(range.rows.map((row) => row.id), ['one']);
const got = await db.bulkGet({ docs: [{ id: 'two' }, { id: 'nobody' }] });
assert.equal(got.results[0].docs[0].ok._id, 'two');
assert.ok(got.results[1].docs[0].error);

const file = await db.putAttachment('file', 'hello.txt', Buffer.from('hello'), 'text/plain');
assert.equal(String(await db.getAttachment('file', 'hello.txt')), 'hello');
const whole = await db.get('file', { attachments: true, binary: true });
assert.equal(String(whole._attachments['hello.txt'].data), 'hello');
const bulk = await db.bulkGet({ docs: [{ id: 'file', rev: file.rev }], revs: true, attachments: true, binary: true });
const fetched = bulk.results[0].docs[0].ok;
assert.equal(fetched._revisions.start, 1);
assert.equal(String(fetched._attachments['hello.txt'].data), 'hello');
await db.removeAttachment('file', 'hello.txt', file.rev);

const local = await db.put({ _id: '_local/mine', n: 1 });
assert.equal(local.rev, '0-1');
const diff = await db.revsDiff({ one: ['9-abc'] });
assert.deepEqual(diff.one.missing, ['9-abc']);

const seen = [];
const feed = db.changes({ live: true, since: 0, include_docs: true, heartbeat: 100 });
await new Promise((done, failed) => {
  feed.on('error', failed);
  feed.on('change', (change) => {
    seen.push(change.id);
    if (change.id === 'file') db.put({ _id: 'last' }).catch(failed);
    if (change.id === 'last') done();
  });
});
feed.cancel();
assert.ok(seen.includes('one') && seen.includes('three'));
const removed = await db.remove(await db.get('two'));
assert.match(removed.rev, /^2-/);
await db.destroy();
console.log('PouchDB is content');
process.exit(0);
