import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync as readlink, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RunDocument } from '../../reports/store/run-document.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** A scenario of a dozen seconds with both faults, for tests of what surrounds a run. */
export const SMALL = join(import.meta.dirname, 'fixtures/small-loss.yaml');

/** What a command left behind. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface Started {
  readonly child: ChildProcess;
  /** All output so far, both streams. */
  output(): string;
  /** Resolves once the output matches. @throws Error when the command ends or `limitMs` passes before */
  seen(pattern: RegExp, limitMs?: number): Promise<void>;
  readonly finished: Promise<Finished>;
}

/** Starts the command line as a person would, from the checkout. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, [join(ROOT, 'cli/bin.js'), ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '', all: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', (chunk: Buffer) => {
      text[stream] += chunk;
      text.all += chunk;
    });
  const finished = new Promise<Finished>(done => child.on('close', code => done({ code, ...text })));
  return {
    child,
    output: () => text.all,
    finished,
    async seen(pattern, limitMs = 60_000) {
      const until = performance.now() + limitMs;
      while (!pattern.test(text.all)) {
        if (child.exitCode !== null || performance.now() > until)
          throw new Error(`never saw ${pattern} in:\n${text.all}`);
        await sleep(20);
      }
    },
  };
}

/** Runs the command line to its end. */
export function squall(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finished> {
  return start(args, env).finished;
}

/** Runs a command that is refused: with this exit code, in words that a person reads, these among them. */
export async function expectRefusal(
  args: readonly string[],
  code: number,
  patterns: readonly RegExp[],
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  const finished = await squall(args, env);
  expect(finished.code, finished.stderr).toBe(code);
  for (const pattern of patterns) expect(finished.stderr).toMatch(pattern);
  expect(finished.stdout + finished.stderr, 'a person reads this, not a stack trace').not.toMatch(/\n\s+at /);
  return finished;
}

/** A folder for runs that is removed on disposal. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'squall-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The only run directory below a folder. */
export function onlyRun(folder: string): { directory: string; document(): RunDocument; events(): string } {
  const [id, ...more] = readdirSync(folder);
  if (id === undefined || more.length > 0)
    throw new Error(`expected one run in ${folder}, found ${readdirSync(folder)}`);
  const directory = join(folder, id);
  return {
    directory,
    document: () => JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')),
    events: () => readFileSync(join(directory, 'events.ndjson'), 'utf8'),
  };
}

/** TCP ports on which those processes listen. */
export function listeningPorts(pids: readonly number[]): number[] {
  const inodes = new Set(pids.flatMap(socketInodes));
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .filter(file => existsSync(file))
    .flatMap(file => readFileSync(file, 'utf8').trim().split('\n').slice(1))
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields[3] === '0A' && inodes.has(fields[9]!))
    .map(fields => Number.parseInt(fields[1]!.split(':')[1]!, 16));
}

function socketInodes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      try {
        return /socket:\[(\d+)\]/.exec(readlink(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/** Whether something accepts connections on a loopback port. */
export function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(socket.destroy() !== undefined));
    socket.on('error', () => resolve(false));
  });
}
