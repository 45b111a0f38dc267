import { hash } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { AuditFile, type Entry } from '../../../../stack/gateway/audit/audit-file.ts';
import { sealed } from '../../../../stack/gateway/audit/record.ts';
import { verifyChain } from '../../../../stack/gateway/audit/verify.ts';

const random = seededRandom(5);
const root = mkdtempSync(join(tmpdir(), 'squall-audit-'));
afterAll(() => rmSync(root, { recursive: true }));

let folders = 0;
function newFolder(): string {
  folders += 1;
  return join(root, `${folders}`);
}

const day = (n: number) => new Date(Date.UTC(2026, 0, n)).toISOString();
const request = (n: number): Entry['content'] => ({
  type: 'request',
  requestId: `r${n}`,
  note: 'é\u2028"'.repeat(random.integer(0, 3)),
});

/** A log of some days, three records each after the first, with a start. */
async function written(folder: string, days: readonly number[], keepDays = 30): Promise<void> {
  const file = new AuditFile(folder, keepDays);
  await file.resume(day(days[0]!));
  for (const n of days) await file.append([1, 2, 3].map(k => ({ time: day(n), content: request(10 * n + k) })));
  await file.close();
}

/** All lines of a folder, by file. */
function linesOf(folder: string): { file: string; lines: string[] }[] {
  return readdirSync(folder)
    .sort()
    .map(file => ({ file, lines: readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1) }));
}

function save(folder: string, file: string, lines: readonly string[]): void {
  writeFileSync(join(folder, file), lines.map(line => `${line}\n`).join(''));
}

test('a chain that nobody touched is whole, over days and starts', async () => {
  const folder = newFolder();
  await written(folder, [1, 2, 4]);
  await written(folder, [4, 5]);
  const result = await verifyChain(folder);
  expect(result).toMatchObject({ records: 2 + 3 + 4 + 4 + 1 + 3 + 4, finding: undefined, dropped: 0 });
  expect(result.files).toEqual([1, 2, 4, 5].map(n => `audit-2026-01-0${n}.jsonl`));
  for (const file of result.files) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

interface Tampering {
  readonly name: string;
  /** Changes the lines of a file; returns the number of the first one that is wrong. */
  apply(lines: string[], at: number): number;
  readonly kinds: readonly string[];
}

const byte = (line: string, at: number) => line.slice(0, at) + (line[at] === 'x' ? 'y' : 'x') + line.slice(at + 1);
/** A record that says of itself that it is right. */
function forged(line: string): string {
  const { seq, time, prev, hash: _hash, ...content } = JSON.parse(line);
  return sealed({ ...content, forged: true }, time, { seq: seq - 1, hash: prev }).line;
}

const TAMPERINGS: readonly Tampering[] = [
  {
    name: 'a changed byte',
    apply: (lines, at) => {
      lines[at] = byte(lines[at]!, random.integer(0, lines[at]!.length - 1));
      return at + 1;
    },
    kinds: ['changed'],
  },
  {
    name: 'a changed record with its hash',
    apply: (lines, at) => {
      lines[at] = forged(lines[at]!);
      return at + 1;
    },
    kinds: ['changed'],
  },
  {
    name: 'a removed line',
    apply: (lines, at) => {
      lines.splice(at, 1);
      return at + 1;
    },
    kinds: ['removed'],
  },
  {
    name: 'an added line of text',
    apply: (lines, at) => {
      lines.splice(at, 0, 'text');
      return at + 1;
    },
    kinds: ['added'],
  },
  {
    name: 'an empty line',
    apply: (lines, at) => {
      lines.splice(at, 0, '');
      return at + 1;
    },
    kinds: ['added'],
  },
  {
    name: 'a record that is there twice',
    apply: (lines, at) => {
      lines.splice(at + 1, 0, lines[at]!);
      return at + 2;
    },
    kinds: ['added'],
  },
  {
    name: 'an added record with a right hash',
    apply: (lines, at) => {
      lines.splice(at, 0, forged(lines[at]!));
      return at + 1;
    },
    kinds: ['added'],
  },
  {
    name: 'two swapped lines',
    apply: (lines, at) => {
      [lines[at], lines[at + 1]] = [lines[at + 1]!, lines[at]!];
      return at + 1;
    },
    kinds: ['removed'],
  },
  {
    name: 'a line cut off',
    apply: (lines, at) => {
      lines[at] = lines[at]!.slice(0, random.integer(0, lines[at]!.length - 1));
      return at + 1;
    },
    kinds: ['changed'],
  },
];

test.each(TAMPERINGS)('finds $name at its line, wherever it is', async ({ apply, kinds }) => {
  const folder = newFolder();
  await written(folder, [1, 2, 3]);
  for (const { file, lines } of linesOf(folder)) {
    // All but the last record of the chain, whose successor is missing, and which the next test is about.
    const isLast = file.endsWith('03.jsonl');
    for (let at = 0; at < lines.length - (isLast ? 2 : 1); at += 1) {
      const changed = [...lines];
      const line = apply(changed, at);
      save(folder, file, changed);
      const { finding } = await verifyChain(folder);
      expect(finding, `${at}: ${changed[at]}`).toMatchObject({ file, line });
      expect(kinds).toContain(finding!.kind);
    }
    save(folder, file, lines);
  }
  expect((await verifyChain(folder)).finding).toBeUndefined();
});

test('finds a change of the last record, and a cut within it, but no removed end without an anchor', async () => {
  const folder = newFolder();
  await written(folder, [1, 2]);
  const { head } = await verifyChain(folder);
  const { file, lines } = linesOf(folder).at(-1)!;
  save(folder, file, [...lines.slice(0, -1), byte(lines.at(-1)!, 20)]);
  expect((await verifyChain(folder)).finding).toMatchObject({ kind: 'changed', line: lines.length });
  save(folder, file, lines);
  truncateSync(join(folder, file), statSync(join(folder, file)).size - 5);
  expect((await verifyChain(folder)).finding).toMatchObject({ kind: 'incomplete', line: lines.length });
  save(folder, file, lines.slice(0, -1));
  expect((await verifyChain(folder)).finding).toBeUndefined();
  expect((await verifyChain(folder, head)).finding).toMatchObject({ kind: 'removed', file, line: lines.length - 1 });
  // All of it written anew.
  rmSync(join(folder, file));
  const other = new AuditFile(folder, 30);
  await other.resume(day(2));
  await other.append([4, 5, 6, 7].map(k => ({ time: day(2), content: request(k) })));
  await other.close();
  expect((await verifyChain(folder)).finding).toBeUndefined();
  expect((await verifyChain(folder, head)).finding?.kind).toBe('changed');
});

test('a line that a crash has torn is recognised, and the chain goes on after it', async () => {
  const folder = newFolder();
  await written(folder, [1]);
  const path = join(folder, 'audit-2026-01-01.jsonl');
  for (const fragment of ['{"seq":6,"ti', 'x', readFileSync(path, 'utf8').split('\n')[1]!]) {
    appendFileSync(path, fragment);
    expect((await verifyChain(folder)).finding).toMatchObject({ kind: 'incomplete' });
    await written(folder, [1]);
    expect((await verifyChain(folder)).finding).toBeUndefined();
  }
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const torn = lines.indexOf('{"seq":6,"ti');
  expect(JSON.parse(lines[torn + 1]!)).toMatchObject({
    type: 'start',
    torn: { bytes: 12, sha256: hash('sha256', '{"seq":6,"ti') },
  });
  // A torn line is part of the chain as well.
  save(
    folder,
    'audit-2026-01-01.jsonl',
    lines.map((line, at) => (at === torn ? '{"seq":6,"tj' : line)),
  );
  expect((await verifyChain(folder)).finding).toMatchObject({ line: torn + 1 });
  save(
    folder,
    'audit-2026-01-01.jsonl',
    lines.filter((_, at) => at !== torn),
  );
  expect((await verifyChain(folder)).finding).toMatchObject({ kind: 'removed', line: torn + 1 });
});

test('files are kept for their days, and the log says of those that are gone that they have expired', async () => {
  const folder = newFolder();
  await written(folder, [1, 2, 3, 4, 5, 7], 3);
  // Days 5 to 7.
  expect(readdirSync(folder).sort()).toEqual(['audit-2026-01-05.jsonl', 'audit-2026-01-07.jsonl']);
  const result = await verifyChain(folder);
  expect(result.finding).toBeUndefined();
  expect(result.first!.seq).toBeGreaterThan(1);
  // One that is gone without having expired.
  rmSync(join(folder, 'audit-2026-01-05.jsonl'));
  expect((await verifyChain(folder)).finding).toMatchObject({
    kind: 'removed',
    file: 'audit-2026-01-07.jsonl',
    line: 1,
  });
});

test('a file that is removed from the middle, or renamed, is missed', async () => {
  const folder = newFolder();
  await written(folder, [1, 2, 3]);
  const text = readFileSync(join(folder, 'audit-2026-01-02.jsonl'));
  rmSync(join(folder, 'audit-2026-01-02.jsonl'));
  expect((await verifyChain(folder)).finding).toMatchObject({
    kind: 'removed',
    file: 'audit-2026-01-03.jsonl',
    line: 1,
  });
  writeFileSync(join(folder, 'audit-2026-01-04.jsonl'), text);
  expect((await verifyChain(folder)).finding).toBeDefined();
});
