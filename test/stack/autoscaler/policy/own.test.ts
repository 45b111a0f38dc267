import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { importOwnPolicy, ownPolicyText, requireOwnPolicy } from '../../../../stack/autoscaler/policy/own.ts';
import { inputOf } from './fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'squall-policy-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
function fileOf(text: string, extension = 'ts'): string {
  const path = join(folder, `policy-${++files}.${extension}`);
  writeFileSync(path, text);
  return path;
}

const TYPED = `import type { Policy } from 'squall';
interface Options { readonly perReplica: number }
let calls = 0;
export default {
  metrics: { queue: { series: 'q', fold: 'max' } },
  decide({ metrics }, { perReplica }) {
    calls += 1;
    return { replicas: Math.ceil((metrics.queue ?? 0) / perReplica), reason: \`call \${calls}\` };
  },
} satisfies Policy<unknown, Options>;
`;

describe('a policy of the user’s own', () => {
  it('is a file in TypeScript, which the autoscaler runs as a text, each time anew', async () => {
    const policy = requireOwnPolicy(fileOf(TYPED));
    expect(policy.metrics).toMatchObject({ queue: { series: 'q', fold: 'max', as: 'gauge' } });
    const text = ownPolicyText('x.ts', TYPED);
    for (let time = 0; time < 2; time += 1) {
      const { decide } = await importOwnPolicy(text);
      expect(decide(inputOf({ metrics: { queue: 11 } }), { perReplica: 5 })).toEqual({ replicas: 3, reason: 'call 1' });
    }
  });

  it('is ended where it never returns, and not called again', async () => {
    const text =
      'let calls = 0; export default { metrics: {}, decide({ replicas }) { calls += 1; if (calls > 1) for (;;); return { replicas, reason: String(calls) }; } };';
    const { decide } = await importOwnPolicy(text, 50);
    expect(decide(inputOf({ replicas: 3 }), {})).toEqual({ replicas: 3, reason: '1' });
    for (let time = 0; time < 2; time += 1)
      expect(() => decide(inputOf(), {})).toThrow('it did not return within 0.05 s, and is not called again');
    const { decide: throwing } = await importOwnPolicy(
      "export default { metrics: {}, decide() { throw new Error('boom'); } };",
    );
    for (let time = 0; time < 2; time += 1) expect(() => throwing(inputOf(), {})).toThrow('boom');
  });

  it('may look as in the documents', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/autoscaler.md'), 'utf8');
    const example = /```ts\n(import type \{ Policy \}[\s\S]+?)```/.exec(text)![1]!;
    const { decide } = requireOwnPolicy(fileOf(example));
    expect(decide(inputOf({ metrics: { queue: 11 } }), {})).toEqual({ replicas: 3, reason: 'queue 11, 5 each' });
    expect(decide(inputOf(), {})).toMatchObject({ replicas: 3 });
  });

  it.each([
    ['another extension', 'export default {}', 'yaml', 'no .ts'],
    ['an import', "import { a } from './a.ts';\nexport default {}", 'ts', "it imports: import { a } from './a.ts'"],
    ['an import of a side effect', "import 'x';", 'js', 'it imports'],
    ['an export of another file', "export { default } from './a.js';", 'mjs', 'it imports'],
    ['a wrong syntax', 'export default {', 'ts', 'Expected'],
  ])('with %s is refused', (_, text, extension, words) => {
    expect(() => ownPolicyText(`policy.${extension}`, text)).toThrow(words);
  });

  it.each([
    ['no export', 'const x = 1;', 'no default export'],
    ['no function', 'export default { metrics: {} }', 'no function `decide`'],
    ['a function only', 'export default () => 3', 'no function `decide`'],
    ['a wrong metric', "export default { metrics: { q: { series: 'a b' } }, decide() {} }", '`metrics.q.series`'],
    ['an exception', "throw new Error('boom')", 'boom'],
  ])('with %s is refused', async (_, text, words) => {
    expect(() => requireOwnPolicy(fileOf(text, 'mjs'))).toThrow(words);
    await expect(importOwnPolicy(text)).rejects.toThrow(words);
  });
});
