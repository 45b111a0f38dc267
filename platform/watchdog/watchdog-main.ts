/**
 * Program that outlives a killed harness: `node watchdog-main.ts RUN_ID DIRECTORY`, with messages on stdin (see
 * `watchdog-message.ts`). When stdin ends without a disarm, it kills and removes what it guards, logs that in
 * `DIRECTORY/watchdog.log`, and exits. It runs in its own session and ignores a terminal's signals: the harness handles Ctrl-C.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../harness/clock.ts';
import { startTimeOf } from '../../harness/host/process-group.ts';
import { type Removed, removeLabelled } from '../docker/remove-labelled.ts';
import { type GuardedGroup, reap } from './reap.ts';
import { parseMessage, type Resource, WATCHING } from './watchdog-message.ts';

const REAP_LIMIT_MS = 9_000;
const QUIET_MS = 200;
const REMOVE_LIMIT_MS = 14_000;
/** Longer than an engine takes to finish creating a container. */
const REMOVE_QUIET_MS = 1_500;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
const [runId = '', directory = '.'] = process.argv.slice(2);
const groups = new Map<number, GuardedGroup>();
/** Engine sockets by label. */
const labels = new Map<string, string>();

const lines = createInterface({ input: process.stdin });
process.stdin.on('error', () => lines.close());
lines.on('line', line => {
  const message = parseMessage(line);
  if (message?.type === 'disarm') process.exit(0);
  if (message?.type === 'guard') guard(message.resource);
  if (message?.type === 'forget') groups.delete(message.pgid);
});
lines.once('close', () => void cleanUp());
process.stdout.on('error', () => {});
process.stdout.write(`${WATCHING}\n`);

function guard(resource: Resource): void {
  if (resource.kind === 'docker-label') labels.set(resource.label, resource.socketPath);
  else {
    const { pgid } = resource;
    // 0 and 1 would address this group, or every process.
    if (Number.isInteger(pgid) && pgid > 1) groups.set(pgid, { pgid, leaderStartTime: startTimeOf(pgid) });
  }
}

async function cleanUp(): Promise<void> {
  const clock = systemClock;
  const [reaped, ...removed] = await Promise.all([
    reap({ groups: [...groups.values()], runId, clock, limitMs: REAP_LIMIT_MS, quietMs: QUIET_MS }),
    ...[...labels].map(([label, socketPath]) =>
      removeLabelled({ socketPath, label, clock, limitMs: REMOVE_LIMIT_MS, quietMs: REMOVE_QUIET_MS }),
    ),
  ]);
  const all = [reaped, ...removed];
  const isClean = all.every(done => done.isClean);
  const tookMs = Math.max(...all.map(done => done.tookMs));
  const found = [
    `Killed groups ${list(reaped.groups)}, processes of this run ${list(reaped.processes)}`,
    ...removed.map(removal),
  ].join('. ');
  const outcome = isClean ? 'all are gone' : 'SOME REMAIN';
  const line = `${clock.date().toISOString()} The harness ended without taking run ${runId} down. ${found}; ${outcome} after ${Math.round(tookMs)} ms.\n`;
  try {
    appendFileSync(join(directory, 'watchdog.log'), line, { mode: 0o600 });
  } finally {
    process.exit(isClean ? 0 : 1);
  }
}

function removal({ containers, networks, volumes }: Removed): string {
  return `Removed containers ${list(containers)}, networks ${list(networks)}, volumes ${list(volumes)}`;
}

function list(ids: readonly (number | string)[]): string {
  return ids.length === 0 ? 'none' : ids.join(' ');
}
