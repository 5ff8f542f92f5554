// nano, the CouchDB client of npm: what its users do first. Argument: the node's URL.

import assert from 'node:assert/strict';
import nanoOf from 'nano';

const nano = nanoOf(process.argv[2]);

await nano.db.create('alice');
assert.ok((await nano.db.list()).includes('alice'));
await assert.rejects(nano.db.create('alice'), (error) => error.statusCode === 412 && error.error === 'file_exists');
const alice = nano.db.use('alice');
assert.equal((await alice.info()).doc_count, 0);

const first = await alice.insert({ happy: true }, 'rabbit');
assert.equal(first.ok, true);
assert.match(first.rev, /^1-[0-9a-f]{32}$/);
await assert.rejects(alice.insert({ happy: false }, 'rabbit'), (error) => error.statusCode === 409);
const rabbit = await alice.get('rabbit');
assert.deepEqual(rabbit, { _id: 'rabbit', _rev: first.rev, happy: true });
const second = await alice.insert({ ...rabbit, happy: false });
assert.equal((await alice.get('rabbit', { revs_info: true }))._revs_info.length, 2);
assert.equal((await alice.head('rabbit')).etag, `"${second.rev}"`);

const bulk = await alice.bulk({ docs: Array.from({ length: 100 }, (_, number) => ({ _id: `doc-${number}`, number })) });
assert.equal(bulk.filter((row) => row.ok).length, 100);
const list = await alice.list({ include_docs: true, limit: 10, startkey: 'doc-5' });
assert.equal(list.rows.length, 10);
assert.equal(list.rows[0].doc.number, 5);
const fetched = await alice.fetch({ keys: ['doc-1', 'rabbit', 'nobody'] });
assert.deepEqual(fetched.rows.map((row) => row.error ?? row.id), ['doc-1', 'rabbit', 'not_found']);
const revisions = await alice.fetchRevs({ keys: ['doc-1'] });
assert.equal(revisions.rows[0].value.rev, bulk[1].rev);

await alice.attachment.insert('rabbit', 'rabbit.png', Buffer.from([1, 2, 3]), 'image/png', { rev: second.rev });
assert.deepEqual([...(await alice.attachment.get('rabbit', 'rabbit.png'))], [1, 2, 3]);
const now = await alice.get('rabbit');
assert.equal(now._attachments['rabbit.png'].length, 3);
await alice.attachment.destroy('rabbit', 'rabbit.png', { rev: now._rev });
const multipart = await alice.multipart.insert(
  { tells: 'a story' },
  [{ name: 'story.txt', data: 'once upon a time', content_type: 'text/plain' }],
  'story',
);
assert.equal(multipart.ok, true);
assert.equal(String(await alice.attachment.get('story', 'story.txt')), 'once upon a time');

const last = await alice.get('rabbit');
await alice.destroy('rabbit', last._rev);
await assert.rejects(alice.get('rabbit'), (error) => error.statusCode === 404 && error.reason === 'deleted');

const changes = await alice.changes({ include_docs: true });
assert.equal(changes.results.length, 102);
assert.equal(changes.pending, 0);

// Its reader of changes: batches by long polls.
const seen = new Set();
await new Promise((done, failed) => {
  const reader = alice.changesReader.start({ since: '0', batchSize: 50, wait: false });
  reader.on('error', failed);
  reader.on('change', async (change) => {
    seen.add(change.id);
    if (seen.size === 102) await alice.insert({}, 'newcomer').catch(failed);
    if (change.id === 'newcomer') {
      alice.changesReader.stop();
      done();
    }
  });
});
assert.equal(seen.size, 103);

await alice.insert({ views: {} }, '_design/views');
const designs = await nano.request({ db: 'alice', path: '_design_docs' });
assert.deepEqual(designs.rows.map((row) => row.id), ['_design/views']);
const lists = await nano.request({
  db: 'alice',
  path: '_all_docs/queries',
  method: 'POST',
  body: { queries: [{ keys: ['doc-1'] }, { limit: 2, descending: true }] },
});
assert.deepEqual(lists.results.map((list) => list.rows.length), [1, 2]);

await alice.replicate('bob', { create_target: true });
assert.equal((await nano.db.get('bob')).doc_count, (await nano.db.get('alice')).doc_count);
assert.equal((await nano.session()).userCtx.name, 'admin');
assert.equal((await nano.uuids(3)).uuids.length, 3);
await nano.db.destroy('bob');
await nano.db.destroy('alice');
await assert.rejects(nano.db.get('alice'), (error) => error.statusCode === 404);
console.log('nano is content');
