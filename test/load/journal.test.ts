import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RequestRecord } from '../../harness/requests.ts';
import { journalPart, openJournal } from '../../load/worker/journal.ts';
import { recordsIn } from '../../reports/store/requests/journals.ts';
import { requestOf } from '../reports/runs.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-journal-'));
  path = join(folder, 'requests.ndjson');
});
afterEach(() => rmSync(folder, { recursive: true }));

const record = (index: number) => requestOf(index, 0);

async function read(from = path): Promise<RequestRecord[]> {
  const records: RequestRecord[] = [];
  for await (const batch of recordsIn(from)) records.push(...batch);
  return records;
}

it('is complete when it is closed, in the order of appending', async () => {
  const journal = openJournal(path, () => {});
  const records = [...Array(5000).keys()].map(record);
  for (const entry of records) journal.append(entry);
  await journal.close();
  expect(await read()).toEqual(records);
});

it('goes on in another file after so many bytes, and appends to none but the last', async () => {
  const size = JSON.stringify(record(0)).length + 1;
  const journal = openJournal(path, () => {}, 2 * size);
  for (const index of [0, 1, 2, 3, 4]) {
    journal.append(record(index));
    const part = journalPart(path, index >> 1);
    for (let i = 0; i < 100 && !(existsSync(part) && readFileSync(part).length === size * (1 + (index % 2))); i += 1)
      await sleep(20);
  }
  await journal.close();
  expect(readdirSync(folder).sort()).toEqual(['requests-1.ndjson', 'requests-2.ndjson', 'requests.ndjson']);
  const all: RequestRecord[] = [];
  for (const part of [0, 1, 2]) all.push(...(await read(journalPart(path, part))));
  expect(all).toEqual([0, 1, 2, 3, 4].map(record));
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
  let times = 0;
  const journal = openJournal(join(folder, 'no', 'such'), () => {
    times += 1;
  });
  journal.append(record(0));
  await expect(journal.close()).rejects.toMatchObject({ code: 'ENOENT' });
  expect(times).toBe(1);
});
