/** The attacker's process: executes one attack and exits when it is over. */
import { thisMachine } from '../../../harness/host/network.ts';
import { workerProcess } from '../../../harness/host/worker-process.ts';
import { LIMITS } from '../attack.ts';
import type { AttackJob } from './attacker.ts';
import { loadAttack } from './catalog.ts';
import { AttackDrive } from './drive.ts';
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
  const options = { target, forMs: Math.min(forMs, LIMITS.forMs), machine: thisMachine };
  const running = new AttackDrive(script(schema.parse(parameters), request), options);
  drive = running;
  worker.stopped.addEventListener('abort', () => running.stop());
  if (worker.stopped.aborted) running.stop();
  await worker.finish(await running.run());
}
