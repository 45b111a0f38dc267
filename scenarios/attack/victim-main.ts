/**
 * The victim's process: ordinary requests at a fixed rate, one connection each. It is told its job over IPC and ends when it is told
 * to, on SIGTERM, and when the process that started it goes away.
 */
import { requestTo } from '../../faults/slow-http/attacker/target.ts';
import { systemClock } from '../../harness/clock.ts';
import { workerProcess } from '../../harness/host/worker-process.ts';
import type { VictimJob, VictimRecord } from './victim.ts';

const TICK_MS = 2;
const TELL_MS = 200;
/** Requests in flight at most; what comes beyond has timed out before it is sent. */
const MOST_IN_FLIGHT = 5000;

let batch: VictimRecord[] = [];

const worker = workerProcess<VictimJob, readonly VictimRecord[], readonly VictimRecord[]>({
  order: ask,
  progress: taken,
  progressMs: TELL_MS,
  farewellMs: 0,
});
worker.ready();

async function ask(job: VictimJob): Promise<void> {
  const gapMs = 1000 / job.perSecond;
  const inFlight = new Set<Promise<void>>();
  let scheduledMs = systemClock.nowMs() + gapMs;
  while (!worker.stopped.aborted) {
    for (; scheduledMs <= systemClock.nowMs(); scheduledMs += gapMs) {
      if (inFlight.size >= MOST_IN_FLIGHT) {
        const nowMs = systemClock.nowMs();
        batch.push({ scheduledMs, sentMs: nowMs, endMs: nowMs + job.timeoutMs, outcome: 'timeout' });
        continue;
      }
      const one = send(job, scheduledMs).finally(() => inFlight.delete(one));
      inFlight.add(one);
    }
    await systemClock.sleep(TICK_MS);
  }
  await Promise.all(inFlight);
  await worker.finish(taken());
}

function send({ target, request, asks, path, timeoutMs }: VictimJob, scheduledMs: number): Promise<void> {
  const sentMs = systemClock.nowMs();
  const body =
    asks === 'get'
      ? ''
      : JSON.stringify({ model: request.model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 8 });
  return new Promise(resolve => {
    let isOver = false;
    const settle = (outcome: VictimRecord['outcome']) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      batch.push({ scheduledMs, sentMs, endMs: systemClock.nowMs(), outcome });
      sending.destroy();
      resolve();
    };
    const sending = requestTo(target, {
      path,
      method: asks === 'get' ? 'GET' : 'POST',
      headers: {
        host: request.host,
        'user-agent': 'squall-victim',
        ...(request.authorization === '' ? {} : { authorization: request.authorization }),
        ...(asks === 'get' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    });
    const timer = setTimeout(() => settle('timeout'), Math.max(0, scheduledMs + timeoutMs - sentMs));
    sending.on('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED' ? 'refused' : 'reset'));
    sending.on('response', response => {
      response.resume();
      response.on('end', () => settle(response.statusCode!));
      response.on('close', () => settle('reset'));
    });
    sending.end(body);
  });
}

/** The records since it was last called. */
function taken(): readonly VictimRecord[] {
  const records = batch;
  batch = [];
  return records;
}
