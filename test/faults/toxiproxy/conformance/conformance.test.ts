import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { missing } from '../../../require.ts';
import { echo, startUpstream } from '../peers.ts';
import { REAL_2_12, REAL_2_13, SERVERS, startServer } from '../servers.ts';
import { API } from './api-rows.ts';
import { CLI, COMMANDS } from './cli-rows.ts';
import { CLIENTS, NODE } from './client-rows.ts';
import { CONNECTIONS } from './connection-rows.ts';
import { DIFFERENCES } from './differences.ts';
import { EARLY_ENDS } from './early-end-rows.ts';
import { compare, observe } from './table.ts';
import { WIRE } from './wire-rows.ts';

// Each row is observed of every server, and must be the same of all, to the byte apart from ports, versions and Go's words about JSON.
// Whatever differs is named with its reason; a reason without a difference fails, too.
const isThere = REAL_2_12.length > 0 && existsSync(CLI);
const skipped = missing('toxiproxy', isThere);
const ROWS = [API, WIRE, CLIENTS, NODE, COMMANDS, EARLY_ENDS];

describe.skipIf(skipped)(`conformance with Toxiproxy${skipped ? ` (${skipped})` : ''}`, () => {
  it('is the same on the wire, or differs for a reason that is told', async () => {
    const rows = [SERVERS.find(({ kind }) => kind === 'embedded')!, ...REAL_2_12, ...REAL_2_13];
    await using upstream = await startUpstream(echo);
    const startMs = performance.now();
    const observed = await Promise.all(
      rows.map(async row => {
        await using server = await startServer(row);
        const column = { title: row.title, apiUrl: server.apiUrl, upstream: upstream.address };
        return { title: row.title, seen: await observe(column, ROWS, CONNECTIONS) };
      }),
    );
    const { lines, problems } = compare(observed, DIFFERENCES);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const absent =
      REAL_2_13.length > 0 ? [] : ['toxiproxy-server-2.13: not run, `npm run tools` could not build it here'];
    const [agreeing, differing] = [lines.length - 1 - DIFFERENCES.length, DIFFERENCES.length];
    console.log(
      [...lines, `${agreeing} agree, ${differing} differ for a reason, in ${seconds} s`, ...absent].join('\n'),
    );
    expect(problems).toEqual([]);
    for (const { name } of EARLY_ENDS)
      for (const { seen } of observed) expect(seen.get(name)).toBe('0 open upstream, 0 clients that wait');
  });
});

describe('the table', () => {
  const column = (title: string, ...values: readonly string[]) => ({
    title,
    seen: new Map(values.map((value, nth) => [`row ${nth}`, value])),
  });
  const known = { row: 'row 1', ours: 'b', theirs: 'c', why: 'for a reason' };

  it.each([
    ['the same', ['a', 'b'], ['a', 'b'], [], []],
    ['a difference', ['a', 'b'], ['a', 'c'], [], [/^row 1\n {2}ours: b\n {2}real: c$/]],
    ['a difference with a reason', ['a', 'b'], ['a', 'c'], [known], []],
    ['another difference than the one with a reason', ['a', 'b'], ['a', 'd'], [known], [/real: d/]],
    ['ours that is another', ['a', 'x'], ['a', 'c'], [known], [/ours: x/]],
    ['a reason without a difference', ['a', 'b'], ['a', 'b'], [known], [/row 1: no longer a difference/]],
    ['a reason of no row', ['a'], ['a'], [known], [/row 1: a difference of no row/]],
    ['a row that one lacks', ['a', 'b'], ['a'], [], [/real: undefined/]],
  ])('sees %s', (_what, ours, theirs, differences, expected) => {
    const { problems } = compare([column('ours', ...ours), column('real', ...theirs)], differences);
    expect(problems).toEqual(expected.map(pattern => expect.stringMatching(pattern)));
  });
});
