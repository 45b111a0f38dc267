/**
 * The program that outlives a killed harness: `node watchdog-main.ts RUN_ID DIRECTORY`, messages on stdin (see
 * `watchdog-message.ts`). When stdin ends without a goodbye it kills what it guards, notes it in
 * `DIRECTORY/watchdog.log`, and ends. It runs in a session of its own and ignores a terminal's signals, for Ctrl-C is
 * the harness's to handle.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../../harness/clock.ts';
import { startTimeOf } from './process-group.ts';
import { type GuardedGroup, reap } from './reap.ts';
import { parseMessage, WATCHING } from './watchdog-message.ts';

const REAP_LIMIT_MS = 9_000;
const QUIET_MS = 200;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
const [runId = '', directory = '.'] = process.argv.slice(2);
const groups = new Map<number, GuardedGroup>();

const lines = createInterface({ input: process.stdin });
process.stdin.on('error', () => lines.close());
lines.on('line', line => {
  const message = parseMessage(line);
  if (message?.type === 'goodbye') process.exit(0);
  if (message?.type === 'forget') groups.delete(message.resource.pgid);
  if (message?.type === 'guard') {
    const { pgid } = message.resource;
    // 0 and 1 would address this very group, or everyone.
    if (Number.isInteger(pgid) && pgid > 1) groups.set(pgid, { pgid, leaderStartTime: startTimeOf(pgid) });
  }
});
lines.once('close', () => void cleanUp());
process.stdout.on('error', () => {});
process.stdout.write(`${WATCHING}\n`);

async function cleanUp(): Promise<void> {
  const reaped = await reap({
    groups: [...groups.values()],
    runId,
    clock: systemClock,
    limitMs: REAP_LIMIT_MS,
    quietMs: QUIET_MS,
  });
  const found = `groups ${list(reaped.groups)}, processes of this run ${list(reaped.processes)}`;
  const outcome = reaped.isClean ? 'all are gone' : 'SOME ARE STILL THERE';
  const line = `${new Date().toISOString()} The harness ended without taking run ${runId} down. Killed ${found}; ${outcome} after ${Math.round(reaped.tookMs)} ms.\n`;
  try {
    appendFileSync(join(directory, 'watchdog.log'), line);
  } finally {
    process.exit(reaped.isClean ? 0 : 1);
  }
}

function list(ids: readonly number[]): string {
  return ids.length === 0 ? 'none' : ids.join(' ');
}
