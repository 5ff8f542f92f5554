// PouchDB, live two-way sync with one database of the node, which goes away and comes back on the way.
// Argument: the database's URL. Speaks with the test: says what it has seen, and waits for its word.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import PouchDB from 'pouchdb';

const folder = mkdtempSync(join(tmpdir(), 'refuge-pouchdb-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const local = new PouchDB(join(folder, 'notes'));
const remote = new PouchDB(process.argv[2]);
const words = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
// Off line, PouchDB leaves some of its own failed requests unhandled, which a browser would only log.
process.on('unhandledRejection', (error) => {
  if (error?.name !== 'FetchError') throw error;
});
const word = async () => (await words.next()).value;
const say = (line) => console.log(line);

// Waits until `question` answers with something, asking again at each change of the local database.
function eventually(question) {
  return new Promise((done, failed) => {
    const feed = local.changes({ live: true, since: 'now' });
    let asking = false;
    const ask = async () => {
      if (asking) return;
      asking = true;
      try {
        const answer = await question().catch(() => undefined);
        if (answer) {
          clearInterval(clock);
          feed.cancel();
          done(answer);
        }
      } finally {
        asking = false;
      }
    };
    feed.on('change', ask);
    feed.on('error', failed);
    const clock = setInterval(ask, 100);
    ask();
  });
}

// Every hundredth has an attachment, every thousandth another branch on the node. Its revision has the form
// of all others: CouchDB compares those of 32 hexadecimal digits as bytes and others as texts, PouchDB all as texts.
const note = (number) => ({
  _id: `note-${number}`,
  number,
  ...(number % 100 === 50 && {
    _attachments: { text: { content_type: 'text/plain', data: Buffer.from(`note ${number}`).toString('base64') } },
  }),
});
const notes = Array.from({ length: 10_000 }, (_, number) => note(number));
await local.bulkDocs(notes);
const branches = notes.filter(({ number }) => number % 1_000 === 500);
await remote.bulkDocs(branches.map(({ _id }) => ({ _id, _rev: `1-${'b'.repeat(32)}`, branch: true })), { new_edits: false });
const start = () =>
  PouchDB.sync(local, remote, { live: true, retry: true, heartbeat: 1000, batch_size: 500, back_off_function: () => 100 })
    .on('denied', (error) => assert.fail(JSON.stringify(error)))
    .on('error', (error) => assert.fail(JSON.stringify(error)));
let sync = start();

await eventually(() => local.get('from-the-server'));
say('first exchange');
await eventually(() => local.get('live'));
await local.putAttachment('picture', 'cat.png', Buffer.from([137, 80, 78, 71]), 'image/png');
const changed = await local.get('note-1');
await local.put({ ...changed, changed: true });
await local.remove(await local.get('note-2'));
say('live arrived');

await eventually(async () => String(await local.getAttachment('letter', 'text')) === 'dear client');
await eventually(() => local.get('from-the-server').then(() => false, (error) => error.reason === 'deleted'));
say('letter arrived, deletion arrived');

assert.equal(await word(), 'offline');
const live = await local.get('live');
await local.put({ ...live, by: 'client' });
await local.put({ _id: 'written-off-line' });
say('changed off line');
assert.equal(await word(), 'online');
const conflict = await eventually(async () => {
  const got = await local.get('live', { conflicts: true });
  return got._conflicts && got;
});
say('back, with the conflict');
assert.equal(JSON.parse(await word()), conflict._rev, 'both sides have the same winner');
say('the same winner');
for (const rev of conflict._conflicts) await local.remove('live', rev);
await eventually(async () => {
  const [here, there] = await Promise.all([local.allDocs(), remote.allDocs()]);
  const text = (answer) => JSON.stringify(answer.rows.map((row) => [row.id, row.value.rev]));
  const settled = !(await remote.get('live', { conflicts: true }))._conflicts;
  return settled && text(here) === text(there);
});
const ids = (await remote.allDocs()).rows.map((row) => row.id);
assert.ok(ids.includes('written-off-line') && !ids.includes('note-2'));
assert.equal((await remote.get('note-1')).changed, true);
for (const { _id, number } of notes.filter(({ number }) => number % 1_000 === 50)) {
  assert.equal(String(await remote.getAttachment(_id, 'text')), `note ${number}`);
}
for (const { _id } of branches) {
  const [here, there] = await Promise.all([local, remote].map((one) => one.get(_id, { conflicts: true })));
  assert.equal(here._conflicts?.length, 1, _id);
  assert.deepEqual([here._rev, here._conflicts], [there._rev, there._conflicts]);
}
say('in step');
sync.cancel();
await local.close();
process.exit(0);
