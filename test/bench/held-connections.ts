/**
 * How much memory an attacker needs to hold many connections: `node test/bench/held-connections.ts [connections] [seconds] [kinds] [--tls]`. The
 * server is a process of its own, for both ends of 10,000 connections are more descriptors than one process may have. Prints one table.
 */

import { parseArgs } from 'node:util';
import { startAttack } from '../../faults/slow-http/attacker/attacker.ts';
import { loadAttack } from '../../faults/slow-http/attacker/catalog.ts';
import { resolveTarget } from '../../faults/slow-http/attacker/target.ts';
import { thisMachine } from '../../harness/host/network.ts';
import { startBare, startBareTls } from '../faults/slow-http/targets.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { tls: { type: 'boolean', default: false } },
});
const [count = '10000', seconds = '15', kinds = 'slow-headers,slow-body,slow-read,low-and-slow'] = positionals;
const connections = Number(count);
const forMs = 1000 * Number(seconds);
const NO_LIMITS = { headersTimeout: 0, requestTimeout: 0 };

console.log('kind          | asked | open  | at s | RSS MB | CPU s | exhausted');
for (const kind of kinds.split(',')) {
  await using server = await (values.tls ? startBareTls : startBare)(NO_LIMITS);
  const target = await resolveTarget(server.url, { machine: thisMachine });
  const { parameters } = await loadAttack(kind);
  const given = { connections, perSecond: 2000, path: '/', intervalMs: 5000 };
  await using attack = await startAttack(
    {
      kind,
      parameters: parameters.parse(given),
      target,
      request: { host: target.host, authorization: '', model: '' },
      forMs,
    },
    new AbortController().signal,
  );
  const { peakOpen, timeline, peakRssBytes, cpuMs, exhausted } = await attack.done;
  const full = timeline.find(({ open }) => open >= connections)?.atMs;
  const cells = [
    kind.padEnd(13),
    String(connections).padStart(5),
    String(peakOpen).padStart(5),
    (full === undefined ? '–' : (full / 1000).toFixed(1)).padStart(4),
    (peakRssBytes / 1e6).toFixed(0).padStart(6),
    (cpuMs / 1000).toFixed(1).padStart(5),
    exhausted,
  ];
  console.log(cells.join(' | '));
}
