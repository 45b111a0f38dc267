import { appendFileSync } from 'node:fs';
import type { LoadEngine, LoadJob } from '../../harness/contracts.ts';
import type { Machine } from '../../harness/host/network.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { LoadDriver } from '../stream/driver.ts';
import { requireInputs } from '../stream/engine.ts';
import type { Pacer } from '../stream/pacer.ts';
import { JOURNAL_BYTES, journalPart } from '../worker/journal.ts';

const FLUSH_CHARACTERS = 256 * 1024;

/**
 * The `stream` engine in the harness's own process, for virtual time, where nothing that shares the process can delay it: the same
 * driver on a virtual machine. Its use of CPU and memory is that of the whole process, and not measured.
 */
export function inProcessStream(machine: Machine): LoadEngine {
  return {
    name: 'stream',
    async start(job, chooseStart, signal) {
      signal.throwIfAborted();
      requireInputs(job.plan);
      const journal = openJournal(job);
      const log = (line: string) => appendFileSync(job.logPath, `${line}\n`);
      const load = new LoadDriver(job, { machine, journal, pacer: async onDue => clockPacer(machine, onDue), log });
      await load.signIn();
      const startAtMs = chooseStart();
      const run = async () => {
        await load.run(startAtMs);
        journal.flush();
        const { requests, connections } = load;
        const notes = load.progress().notes ?? [];
        return { cpuMs: 0, wallMs: 0, peakRssBytes: 0, requests, connections, notes };
      };
      const done = run();
      done.catch(() => {});
      const stop = () => load.stop();
      signal.addEventListener('abort', stop);
      return {
        pids: [],
        startAtMs,
        progress: () => load.progress(),
        done,
        stop,
        async [Symbol.asyncDispose]() {
          signal.removeEventListener('abort', stop);
          stop();
          await done.catch(() => {});
        },
      };
    },
  };
}

/** Journal that is written at once when its buffer is full: no wait for the disk may take virtual time. */
function openJournal({ journalPath, journalBytes = JOURNAL_BYTES }: LoadJob) {
  let buffer = '';
  let [part, bytes] = [0, 0];
  const flush = () => {
    if (bytes >= journalBytes) {
      part += 1;
      bytes = 0;
    }
    appendFileSync(journalPart(journalPath, part), buffer, { mode: 0o600 });
    bytes += Buffer.byteLength(buffer);
    buffer = '';
  };
  return {
    append(record: RequestRecord) {
      buffer += `${JSON.stringify(record)}\n`;
      if (buffer.length > FLUSH_CHARACTERS) flush();
    },
    flush,
  };
}

/** Shortest wait, in ms. The driver compares differences, which may round the other way: without it, time would stand still. */
const MIN_WAIT_MS = 0.001;

/** Pacer on a clock that wakes exactly. */
function clockPacer({ clock }: Machine, onDue: () => void): Pacer {
  let cancel = () => {};
  return {
    arm(dueMs) {
      cancel();
      cancel = clock.after(Math.max(MIN_WAIT_MS, dueMs - clock.nowMs()), onDue);
    },
    [Symbol.asyncDispose]: async () => cancel(),
  };
}
