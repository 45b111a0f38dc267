import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { findScenario } from '../../scenarios/find.ts';
import { judgeProof, type ProofResult } from '../../scenarios/proof.ts';
import { squall } from '../e2e/squall.ts';

/** Scenarios whose stack is the same in virtual time as in processes. */
export const COMPARED = [
  ...['node-loss', 'discovery-loss', 'redis-loss', 'zone-partition', 'retry-storm'],
  ...['burst-gamma', 'key-flood', 'ramp-1000-users'],
] as const;

/** What of a run is compared; counts and times over its whole load. */
export interface Figures {
  /** Of a run without a safeguard, what that proves. */
  readonly verdict: string;
  readonly ttftP50Ms: number | null;
  readonly ttftP99Ms: number | null;
  /** Requests that failed or were dropped. */
  readonly errors: number;
  /** Requests that the gateways sent upstream. */
  readonly attempts: number;
  /** Ejections of upstreams by the gateways. */
  readonly ejections: number;
}

/** A scenario as it is, or without a safeguard, on both platforms. */
export interface Compared {
  readonly name: string;
  readonly virtual: Figures;
  readonly real: Figures;
}

/** More than a difference of this ratio, or of this many ms, is marked. */
const RATIO = 0.15;
const MS = 3;

/**
 * Runs scenarios and their proofs in virtual time and on processes, one after the other, with one seed, one salt, no edge, no Prometheus and
 * the embedded fault proxy, and hands out each pair as it is done.
 */
export async function* comparePlatforms(names: readonly string[]): AsyncGenerator<Compared> {
  for (const name of names) {
    const { proof } = (await findScenario(name)).raw as { proof: readonly Proof[] };
    const runs = [{ without: undefined, breaks: '' as string | readonly string[], set: {} }, ...proof];
    for (const { without, breaks, set } of runs) {
      const expected = without === undefined ? undefined : { without, breaks: [breaks].flat() };
      const virtual = await figuresOf(name, 'virtual', set, expected);
      const real = await figuresOf(name, 'process', set, expected);
      yield { name: without === undefined ? name : `${name} without ${without}`, virtual, real };
    }
  }
}

interface Proof {
  readonly without: string;
  readonly breaks: string | readonly string[];
  readonly set: Readonly<Record<string, unknown>>;
}

async function figuresOf(
  name: string,
  platform: string,
  set: Proof['set'],
  expected: Pick<ProofResult, 'without' | 'breaks'> | undefined,
): Promise<Figures> {
  const out = mkdtempSync(join(tmpdir(), 'squall-platforms-'));
  try {
    const changes = { 'stack.edge': 'off', 'stack.prometheus': 'off', ...set };
    const sets = Object.entries(changes).flatMap(([path, value]) => ['--set', `${path}=${JSON.stringify(value)}`]);
    const args = ['run', name, '--platform', platform, '--seed', '42', '--salt', 'platforms', '--out', out, '--json'];
    const { stdout, stderr } = await squall([...args, ...sets], { SQUALL_TOXIPROXY: 'embedded' });
    if (!stdout.startsWith('{')) throw new Error(`${name} on ${platform} has no result: ${stderr}`);
    const document = JSON.parse(stdout) as RunDocument;
    const directory = join(out, readdirSync(out)[0]!);
    const logged = readdirSync(directory)
      .filter(file => /^gateway-\d+\.log$/.test(file))
      .flatMap(file => readFileSync(join(directory, file), 'utf8').split('\n'))
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as { readonly msg: string; readonly attempts?: number });
    const whole = document.windows.find(window => window.name === 'whole')!;
    return {
      verdict: expected ? judgeProof(expected, document).outcome : document.verdict,
      ttftP50Ms: whole.ttftMs.p50,
      ttftP99Ms: whole.ttftMs.p99,
      errors: whole.failed + whole.dropped,
      attempts: logged.reduce((sum, { msg, attempts = 0 }) => sum + (msg === 'request' ? attempts : 0), 0),
      ejections: logged.filter(({ msg }) => msg === 'upstream ejected').length,
    };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const COLUMNS: readonly [keyof Figures, heading: string, unit: string][] = [
  ['verdict', 'verdict', ''],
  ['ttftP50Ms', 'P50 TTFT', ' ms'],
  ['ttftP99Ms', 'P99 TTFT', ' ms'],
  ['errors', 'errors', ''],
  ['attempts', 'attempts', ''],
  ['ejections', 'ejections', ''],
];

/** Head of a Markdown table of {@link rowOf}. */
export const HEAD = `| virtual / process | ${COLUMNS.map(([, heading]) => heading).join(' | ')} |\n|${' --- |'.repeat(COLUMNS.length + 1)}`;

/** A row of a Markdown table: virtual time first, then processes; what differs by more than 15 % or 3 ms is bold. */
export function rowOf({ name, virtual, real }: Compared): string {
  const cells = COLUMNS.map(([key, , unit]) => {
    const text = `${shown(virtual[key])} / ${shown(real[key])}${unit}`;
    return differs(virtual[key], real[key], unit !== '') ? `**${text}**` : text;
  });
  return `| ${name} | ${cells.join(' | ')} |`;
}

/** Whether verdicts differ, which no noise explains. */
export function disagrees({ virtual, real }: Compared): boolean {
  return virtual.verdict !== real.verdict;
}

function differs(virtual: string | number | null, real: string | number | null, isTime: boolean): boolean {
  if (typeof virtual !== 'number' || typeof real !== 'number') return virtual !== real;
  const difference = Math.abs(virtual - real);
  return difference > RATIO * Math.max(virtual, real) || (isTime && difference > MS);
}

function shown(value: string | number | null): string {
  if (typeof value !== 'number') return value ?? '–';
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
