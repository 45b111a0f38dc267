/**
 * The victim's process: ordinary requests at a fixed rate, one connection each. It is told its job over IPC and ends when it is told
 * to, on SIGTERM, and when the process that started it goes away.
 */
import { once } from 'node:events';
import { requestTo } from '../../faults/slow-http/attacker/target.ts';
import { systemClock } from '../../harness/clock.ts';
import type { FromVictim, ToVictim, VictimJob, VictimRecord } from './victim.ts';

const TICK_MS = 2;
const TELL_MS = 200;
/** Requests in flight at most; what comes beyond has timed out before it is sent. */
const MOST_IN_FLIGHT = 5000;

let isStopped = false;
let batch: VictimRecord[] = [];

process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
process.on('message', (message: ToVictim) => {
  if (message.type === 'stop') isStopped = true;
  else ask(message.job).catch(fail);
});

tell({ type: 'ready' });

async function ask(job: VictimJob): Promise<void> {
  const gapMs = 1000 / job.perSecond;
  const inFlight = new Set<Promise<void>>();
  let scheduledMs = systemClock.nowMs() + gapMs;
  const telling = setInterval(flush, TELL_MS);
  while (!isStopped) {
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
  clearInterval(telling);
  flush();
  tell({ type: 'done' });
  if (process.connected) await once(process, 'disconnect');
  process.exit(0);
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

function flush(): void {
  if (batch.length > 0) tell({ type: 'records', records: batch });
  batch = [];
}

function tell(message: FromVictim): void {
  if (process.connected) process.send!(message, undefined, undefined, () => {});
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
