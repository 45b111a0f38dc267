import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { squall, temporaryFolder } from './squall.ts';

const README = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
/** Its first scenario, as a newcomer would save it. */
const [, FIRST = ''] = /```yaml\n# slow-link\.yaml\n(.*?)```/s.exec(README) ?? [];
const FAILING = 'TTFT over the slow link';
const IDLE = '{ without: anything at all, set: { stack.gateway.ejection: off }, breaks: TTFT over the slow link }';
const p90 = ({ windows }: RunDocument) => windows.find(({ name }) => name === 'fault:slow')!.ttftMs.p90!;

/** Virtual time here; in real time every night. */
const PLATFORM = process.env.SQUALL_PROVE_ON ?? 'virtual';

// With both safeguards 1 to 5 % of the requests are sent over a link that is 2 s slower, without them 33 %: P90 lies far on either
// side of its limit of 1 s, at least 1.8 s less or more what the jitter draws, or a few hundred ms on a busy machine.
it.concurrent('the first scenario passes and fails as README says; what takes nothing away proves nothing and exits 1', {
  timeout: 200_000,
}, async () => {
  using out = temporaryFolder();
  const file = join(out.path, 'slow-link.yaml');
  writeFileSync(file, `${FIRST}  - ${IDLE}\n`);
  const [, sets = ''] = /run \.\/slow-link\.yaml (--set .*?) {2,}# fails/.exec(README) ?? [];
  const options = ['--platform', PLATFORM, '--json', '--out'];
  const proof = await squall(['prove', file, ...options, join(out.path, 'proof')]);
  const failing = await squall(['run', file, ...options, join(out.path, 'failing'), ...sets.split(' ')]);
  const { proofs } = JSON.parse(proof.stdout);
  const [real, idle] = proofs;
  expect(real?.outcome, real?.sentence ?? proof.stderr).toBe('holds');
  expect(idle.sentence).toMatch(/"TTFT over the slow link" proves nothing: it also passes without anything at all/);
  expect(proof.code).toBe(1);

  const document = JSON.parse(failing.stdout) as RunDocument;
  expect({ code: failing.code, verdict: document.verdict }, document.reasons.join('\n')).toEqual({
    code: 1,
    verdict: 'fail',
  });
  expect(document.slos.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name)).toEqual([FAILING]);
  expect(p90(document)).toBeGreaterThan(1700);
  expect(p90(document)).toBeLessThan(2700);
});
