import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { faultPackages } from '../../faults/catalog.ts';
import { ENGINE_NAMES } from '../../load/engines.ts';
import { CHECKS } from '../../reports/judge/objective.ts';
import { compileScenario } from '../../scenarios/compile.ts';
import { findScenario } from '../../scenarios/find.ts';
import { validateScenario } from '../../scenarios/validate.ts';
import { parseGatewayConfig } from '../../stack/gateway/config.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const README = read('README.md');
const PAGES = readdirSync(join(ROOT, 'docs')).filter(name => name.endsWith('.md'));
const TEXT = [README, ...PAGES.map(name => read(`docs/${name}`))].join('\n');
/** The scenarios of README and docs, each a block that begins with the name of its file; suites are run by the tests of the command line. */
const EXAMPLES = [...TEXT.matchAll(/```(?:yaml|ts)\n(?:#|\/\/) ([\w-]+\.(?:yaml|ts)).*?\n(.*?)```/gs)]
  .map(([, file, text]) => ({ file: file!, text: text! }))
  .filter(({ text }) => !/^scenarios:/m.test(text));

it('finds all of them', () => {
  const files = ['slow-link.yaml', 'spot-fleet.yaml', 'busy-day.yaml', 'lost-node.yaml', 'staircase.ts'];
  expect(EXAMPLES.map(({ file }) => file)).toEqual(files);
});

it.each(EXAMPLES)(
  'takes $file of the documents, from beside the checkout, and has its model loaded soon',
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

/** Parts of scenarios, which begin with a section, by the pages that they are on. */
const PARTS = PAGES.flatMap(page =>
  [...read(`docs/${page}`).matchAll(/```yaml\n((?:stack|load|faults|slos|target):\n.*?)```/gs)].map(([, text]) => ({
    page,
    part: parse(text!) as Record<string, object>,
  })),
);

it.each(PARTS)('takes a part of a scenario on $page', ({ page, part }) => {
  const load = { stages: [{ at: '20/s', for: '10s' }], ...part.load };
  const raw = { name: 'x', why: 'y', slos: [{ name: 's', objective: 'errors <= 1%' }], ...part, load };
  const scenario = validateScenario(raw, page);
  // Those of other pages need files, or a target.
  if (/^(gateway|audit|preprocess|tracing)/.test(page))
    expect(compileScenario(scenario, { seed: 1, platform: 'process', replay: '' }).plan.stack).toHaveProperty(
      'gateway',
    );
});

it('takes the configuration of a gateway on docs/gateway-release.md', () => {
  const [, text] = /```json\n(.*?)```/s.exec(read('docs/gateway-release.md'))!;
  expect(parseGatewayConfig(text).release).toHaveProperty('routes');
});

describe('what README lists', () => {
  /** The words in backticks of the first cells of a table. */
  const firstCells = (text: string) =>
    [...text.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) =>
      [...cell!.matchAll(/`([\w-]+)`/g)].map(([, word]) => word!),
    );
  const section = (heading: string) => README.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;

  it('are the commands there are', () => {
    const { stdout } = spawnSync(process.execPath, [join(ROOT, 'cli/bin.js'), '--help'], { encoding: 'utf8' });
    const commands = [...stdout.matchAll(/^ {2}([a-z][\w-]+) (?=[[<])/gm)].map(([, name]) => name!);
    const listed = [...README.matchAll(/^npx squall ([a-z][\w-]+).* {2,}\S/gm)].map(([, name]) => name!);
    expect(new Set(listed)).toEqual(new Set(commands.filter(name => name !== 'help')));
  });

  it('are the kinds of faults there are, beside the attacks', () => {
    const kinds = faultPackages
      .map(({ kind }) => kind)
      .filter(kind => kind !== 'noop' && !existsSync(join(ROOT, `faults/slow-http/${kind}.ts`)));
    expect(firstCells(section('Faults')).sort()).toEqual(kinds.sort());
    expect(firstCells(read('docs/faults.md')).sort()).toEqual(kinds.sort());
  });

  it('are the engines there are', () => {
    expect(firstCells(read('docs/engines.md')).sort()).toEqual([...ENGINE_NAMES].sort());
  });

  it('are the kinds of objectives there are', () => {
    const listed = /^Objectives are .*?\n(?=`covers|Durations)/ms.exec(read('docs/scenarios.md'))![0];
    const words = CHECKS.flatMap(check => check.words).filter(word => !/^p\d/.test(word));
    for (const text of [listed, read('docs/objectives.md')])
      expect(words.filter(word => !new RegExp(`\\b${word}`).test(text))).toEqual([]);
  });
});
