/** The attacker's process: carries one attack out, and ends by itself when the attack's time is over. */
import { systemClock } from '../../../harness/clock.ts';
import { workerProcess } from '../../../harness/host/worker-process.ts';
import { LIMITS } from '../attack.ts';
import { loadAttack } from './catalog.ts';
import { AttackDrive } from './drive.ts';
import type { AttackJob } from './job.ts';
import type { AttackReport, AttackSample } from './tally.ts';

let drive: AttackDrive | undefined;
const worker = workerProcess<AttackJob, AttackSample, AttackReport>({
  order: attack,
  progress: () => drive?.sample(),
  progressMs: 200,
  farewellMs: 0,
});
worker.ready();

async function attack({ kind, parameters, request, target, forMs }: AttackJob): Promise<void> {
  const { parameters: schema, script } = await loadAttack(kind);
  const bounded = Math.min(forMs, LIMITS.forMs);
  const running = new AttackDrive(script(schema.parse(parameters), request), {
    target,
    forMs: bounded,
    clock: systemClock,
  });
  drive = running;
  worker.stopped.addEventListener('abort', () => running.stop());
  if (worker.stopped.aborted) running.stop();
  await worker.finish(await running.run());
}
