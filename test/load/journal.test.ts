import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RequestRecord } from '../../harness/requests.ts';
import { openJournal, readJournal } from '../../load/worker/journal.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-journal-'));
  path = join(folder, 'requests.ndjson');
});
afterEach(() => rmSync(folder, { recursive: true }));

const record = (index: number) => ({ index, outcome: 'ok', gaps: [3, 1] }) as unknown as RequestRecord;

async function read(): Promise<RequestRecord[]> {
  const records: RequestRecord[] = [];
  for await (const entry of readJournal(path)) records.push(entry);
  return records;
}

it('is complete when it is closed, in the order of appending', async () => {
  const journal = openJournal(path, () => {});
  const records = [...Array(5000).keys()].map(record);
  for (const entry of records) journal.append(entry);
  await journal.close();
  expect(await read()).toEqual(records);
});

it('appends to what is there', async () => {
  for (const index of [0, 1]) {
    const journal = openJournal(path, () => {});
    journal.append(record(index));
    await journal.close();
  }
  expect(await read()).toEqual([record(0), record(1)]);
});

it('brings a record to the file while it is open', async () => {
  const journal = openJournal(path, () => {});
  journal.append(record(0));
  for (let i = 0; i < 100 && readFileSync(path, { flag: 'a+' }).length === 0; i += 1) await sleep(20);
  expect(await read()).toEqual([record(0)]);
  await journal.close();
});

it('is readable up to where a kill cut it off', async () => {
  appendFileSync(path, `${JSON.stringify(record(0))}\n{"index":1,"gaps":[]`);
  expect(await read()).toEqual([record(0)]);
});

it('says when it cannot be written', async () => {
  const error = await new Promise<Error>(resolve => openJournal(join(folder, 'no', 'such'), resolve));
  expect(error).toMatchObject({ code: 'ENOENT' });
});
