/**
 * The attacker's process. It is told its job over IPC, carries it out, and ends by itself: when its time is over, when it is told
 * to, on SIGTERM, and when the process that started it goes away.
 */
import { once } from 'node:events';
import { systemClock } from '../../../harness/clock.ts';
import { LIMITS } from '../attack.ts';
import { loadAttack } from './catalog.ts';
import { AttackDrive } from './drive.ts';
import type { AttackJob, FromAttacker, ToAttacker } from './messages.ts';

const PROGRESS_MS = 200;

let drive: AttackDrive | undefined;
let isOver = false;

process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
process.on('message', (message: ToAttacker) => {
  if (message.type === 'stop') stop();
  else attack(message.job).catch(fail);
});

tell({ type: 'ready' });

async function attack({ kind, parameters, request, target, forMs }: AttackJob): Promise<void> {
  const { parameters: schema, script } = await loadAttack(kind);
  if (isOver) return;
  const bounded = Math.min(forMs, LIMITS.forMs);
  drive = new AttackDrive(script(schema.parse(parameters), request), { target, forMs: bounded, clock: systemClock });
  const running = drive;
  const timer = setInterval(() => tell({ type: 'progress', sample: running.sample() }), PROGRESS_MS);
  const report = await running.run();
  clearInterval(timer);
  tell({ type: 'done', report });
  if (process.connected) await once(process, 'disconnect');
  process.exit(0);
}

function stop(): void {
  isOver = true;
  if (drive) drive.stop();
  else process.exit(0);
}

function tell(message: FromAttacker): void {
  if (process.connected) process.send!(message, undefined, undefined, () => {});
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
