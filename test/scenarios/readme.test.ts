import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { compileScenario } from '../../scenarios/compile.ts';
import { findScenario } from '../../scenarios/find.ts';
import { validateScenario } from '../../scenarios/validate.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** The scenarios of the README, each a block that begins with the name of its file. */
const EXAMPLES = [
  ...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(
    /```(?:yaml|ts)\n(?:#|\/\/) ([\w-]+\.(?:yaml|ts)).*?\n(.*?)```/gs,
  ),
].map(([, file, text]) => ({ file: file!, text: text! }));

it('finds all of them', () => {
  expect(EXAMPLES.map(({ file }) => file)).toEqual([
    'slow-link.yaml',
    'lost-node.yaml',
    'staircase.ts',
    'busy-day.yaml',
  ]);
});

it.each(EXAMPLES)(
  'takes $file of the README, from beside the checkout, and has its model loaded soon',
  async example => {
    const folder = mkdtempSync(join(tmpdir(), 'squall-readme-'));
    symlinkSync(ROOT, join(folder, 'squall'));
    const file = join(folder, example.file);
    writeFileSync(file, example.text);
    const scenario = validateScenario((await findScenario(file)).raw, example.file);
    rmSync(folder, { recursive: true });
    const { plan } = compileScenario(scenario, { seed: 1, platform: 'process', replay: '' });
    expect(plan.arrivals!.count).toBeGreaterThan(500);
    expect(`${plan.scenario}.`).toBe(example.file.replace(/\w+$/, ''));
    expect(plan.timeScale).toBeGreaterThanOrEqual(30);
  },
);
