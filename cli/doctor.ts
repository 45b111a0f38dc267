import { execFile } from 'node:child_process';
import { promisify, styleText } from 'node:util';
import type { Command } from 'commander';
import { findToxiproxy } from '../faults/toxiproxy/find.ts';
import { messageOf, SquallError } from '../harness/errors.ts';
import { findProgram } from '../harness/host/programs.ts';
import { requireK6 } from '../load/k6/program/find.ts';
import { engineSocket, findEngine, findImage } from '../platform/docker/engine.ts';
import { IMAGE_NAMES } from '../platform/docker/images/image-names.ts';
import { adviceOn, type ToolName, toolVersion } from '../stack/tools.ts';
import { EXIT } from './exit.ts';
import { printJson } from './run.ts';

/** One part that Squall can use, as found on this machine. */
interface Finding {
  readonly part: string;
  readonly state: 'found' | 'embedded' | 'missing';
  readonly version: string;
  /** What it is for, and what to do if it is missing. */
  readonly advice: string;
}

const PROBE_LIMIT_MS = 5000;

/** `squall doctor`: what is installed, what is missing, what to do. Exits 4 when something that every run needs is missing. */
export function defineDoctor(command: Command): void {
  command.option('--json', 'print one JSON document on stdout', false).action(async ({ json }: { json: boolean }) => {
    const findings = await Promise.all([node(), toxiproxy(), ...TOOLS.map(tool), k6(), docker(), chromium()]);
    if (json) printJson(findings);
    else for (const finding of findings) process.stdout.write(`${line(finding)}\n`);
    process.exitCode = findings[0]!.state === 'missing' ? EXIT.environment : EXIT.pass;
  });
}

async function node(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > 22 || (major === 22 && minor >= 19);
  return {
    part: 'Node.js',
    state: enough ? 'found' : 'missing',
    version: process.versions.node,
    advice: enough
      ? 'Runs everything.'
      : 'Node 22.19 or newer is needed; `npm install` in the checkout brings one along.',
  };
}

async function toxiproxy(): Promise<Finding> {
  const { source, version } = await findToxiproxy({ host: '127.0.0.1', port: 0, seed: 0 });
  return source === 'embedded'
    ? {
        part: 'Toxiproxy',
        state: 'embedded',
        version: version ?? '',
        advice: 'Links use the embedded proxy. To use the real one, put toxiproxy-server on PATH or into .tools/bin.',
      }
    : { part: 'Toxiproxy', state: 'found', version: version ?? '', advice: `From ${source}. Links use it.` };
}

const TOOLS: readonly { readonly part: string; readonly name: ToolName; readonly use: string }[] = [
  { part: 'nginx', name: 'nginx', use: 'The edge in front of the gateways.' },
  { part: 'Redis', name: 'redis-server', use: 'Gateways share their rate limits in it.' },
  { part: 'Prometheus', name: 'prometheus', use: 'Scrapes the stack; without it Squall does.' },
];

async function tool({ part, name, use }: (typeof TOOLS)[number]): Promise<Finding> {
  const found = findProgram(name);
  if (!found) return { part, state: 'missing', version: '', advice: `${use} ${adviceOn(name)}` };
  return { part, state: 'found', version: await toolVersion(name, found), advice: `${use} From ${found.source}.` };
}

async function k6(): Promise<Finding> {
  const part = 'k6';
  const use = 'Drives load with `load.engine: k6`.';
  try {
    const { version, source } = await requireK6();
    return { part, state: 'found', version, advice: `${use} From ${source}.` };
  } catch (error) {
    return { part, state: 'missing', version: '', advice: `${use} ${trouble(error)}` };
  }
}

/** The engine with its images; each is needed for `--platform docker` alone. */
async function docker(): Promise<Finding> {
  const part = 'Docker';
  try {
    const engine = await findEngine(engineSocket(), AbortSignal.timeout(PROBE_LIMIT_MS));
    const images = await Promise.all(Object.values(IMAGE_NAMES).map(image => findImage(engine, image)));
    const lacking = Object.values(IMAGE_NAMES).filter((_, index) => images[index] === undefined);
    return lacking.length === 0
      ? { part, state: 'found', version: engine.version, advice: '`--platform docker` runs the stack as containers.' }
      : {
          part,
          state: 'missing',
          version: '',
          advice: `The engine lacks ${lacking.join(' and ')}: run \`npm run images\`.`,
        };
  } catch (error) {
    return { part, state: 'missing', version: '', advice: trouble(error) };
  }
}

/** What is wrong, and what to do about it. */
function trouble(error: unknown): string {
  const next = error instanceof SquallError ? ` ${error.next}` : '';
  return `${messageOf(error)}.${next}`;
}

async function chromium(): Promise<Finding> {
  const found = findProgram('chromium');
  if (!found)
    return {
      part: 'Chromium',
      state: 'missing',
      version: '',
      advice: "Only the report's own tests need it; they are skipped without.",
    };
  const { stdout } = await promisify(execFile)(found.command, ['--version'], { timeout: PROBE_LIMIT_MS }).catch(() => ({
    stdout: '',
  }));
  return {
    part: 'Chromium',
    state: 'found',
    version: /[\d.]+/.exec(stdout)?.[0] ?? '',
    advice: "The report's own tests use it.",
  };
}

function line({ part, state, version, advice }: Finding): string {
  const sign = { found: styleText('green', '✓'), embedded: styleText('cyan', '●'), missing: styleText('yellow', '–') }[
    state
  ];
  return `${sign} ${part.padEnd(10)} ${(version || state).padEnd(16)} ${advice}`;
}
