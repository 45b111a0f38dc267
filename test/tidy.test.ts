import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directUses } from './direct-use.ts';

const ROOT = resolve(import.meta.dirname, '..');
const ROOMS = ['harness', 'stack', 'platform', 'load', 'faults', 'reports', 'scenarios', 'cli', 'test'] as const;
const MAX_LINES = 300;
const MAX_FILES = 18;

/** What a room may import; its own files always. Rooms of one floor know nothing of each other, but that k6 may run in a container. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  harness: [],
  stack: ['harness'],
  platform: ['stack', 'harness'],
  load: ['platform', 'harness'],
  faults: ['harness'],
  reports: ['harness'],
  scenarios: ['load', 'platform', 'faults', 'reports', 'stack', 'harness'],
  cli: ['scenarios', 'load', 'platform', 'faults', 'reports', 'stack', 'harness', 'package.json'],
  test: ['cli', 'scenarios', 'load', 'platform', 'faults', 'reports', 'stack', 'harness', 'package.json', '.ci'],
};

/** Rooms whose files are handed clock, network and chance, so that they run in virtual time too. */
const HANDED = ['harness', 'stack', 'platform', 'load', 'faults', 'reports', 'scenarios'];

/** Files that reach the machine by themselves, and why. */
const REACHING: Readonly<Record<string, string>> = {
  'harness/clock.ts': 'is the clock of the machine',
  'harness/host/network.ts': 'is the network of the machine',
  'harness/host/http-client.ts': 'is HTTP over a network',
  'harness/host/secrets.ts': 'is the unguessable chance of the machine',
  'harness/host/proxies.ts': 'undoes what Node set up at its start',
  'harness/virtual/virtual-globals.ts': 'replaces the timers of libraries',
  'harness/virtual/immediates.ts': 'counts the immediates of the machine, by which virtual time goes on',
  'platform/virtual/net/network.ts': 'is the network that stands in for that of the machine',
  'platform/docker/engine.ts': 'speaks to the Docker engine',
  'platform/docker/remove-labelled.ts': 'speaks to the Docker engine',
  'platform/docker/prober-main.ts': 'is a name server in a container',
  'stack/edge/certificates.ts': 'makes keys for TLS, which virtual time has not',
  'stack/observability/endpoint.ts': 'loads undici on demand, with a connector',
  'load/stream/pacer.ts': 'is accurate to less than a timer, on a thread',
  'reports/render/html/client.js': 'runs in a browser',
};

/** Files that hand on what the machine has, beside programs (`main.ts`, `…-main.ts`): a folder, or a file. */
const ROOTS: Readonly<Record<string, string>> = {
  'harness/host/': 'is the machine, its processes and workers',
  'stack/service-program.ts': 'runs a service as a process',
  'platform/process/': 'runs a stack on this machine',
  'platform/docker/': 'runs a stack in containers',
  'platform/external/platform.ts': 'reaches a server that runs',
  'platform/watchdog/watchdog.ts': 'starts a process',
  'platform/ports.ts': 'reserves ports of this machine',
  'load/k6/': 'runs k6',
  'load/worker/': 'runs in a process of its own',
  'load/stream/pacer': 'waits on a thread',
  'faults/toxiproxy/client.ts': 'by default is a client on this machine',
  'scenarios/capacity/run-step.ts': 'runs steps in real time, too',
  'scenarios/compile.ts': 'dates certificates',
  'scenarios/explore/': 'watches over processes that run in virtual time',
  'scenarios/find.ts': 'loads the modules of users',
  'scenarios/load-scenario.ts': 'looks at the target before a run',
  'scenarios/session/': 'chooses between the machine and virtual time',
};
const OF_THE_MACHINE = /^import (?!type)[^;]*\b(?:systemClock|systemNetwork|systemSecrets|thisMachine)\b[^;]* from /m;

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
}

interface Import {
  /** Path from the root, or the name of a package. */
  readonly target: string;
  readonly isOwn: boolean;
}

function importsOf({ path, text }: Source): Import[] {
  const found = text.matchAll(/^\s*(?:import|export)\s+[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'/gm);
  return [...found].map(match => {
    const name = match[1] ?? match[2]!;
    const isOwn = name.startsWith('.');
    return { target: isOwn ? relative(ROOT, resolve(ROOT, dirname(path), name)) : name, isOwn };
  });
}

/** Every import arrow of a file that points where its room must not. */
function wrongArrows(source: Source): string[] {
  const { path, room } = source;
  return importsOf(source).flatMap(({ target, isOwn }) => {
    if (!isOwn)
      return room === 'harness' && !target.startsWith('node:') ? [`${path} imports the package ${target}`] : [];
    const to = target.split('/')[0]!;
    return to === room || MAY_IMPORT[room]!.includes(to) ? [] : [`${path} imports ${to}/`];
  });
}

/** Every file from which imports, those of types too, lead back to it. */
function inCircles(files: readonly Source[]): string[] {
  const imports = new Map(files.map(file => [file.path, importsOf(file).map(({ target }) => target)]));
  return [...imports.keys()].filter(start => {
    const seen = new Set<string>();
    const open = [...imports.get(start)!];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      open.push(...(imports.get(path) ?? []));
    }
    return seen.has(start);
  });
}

/** Every folder that holds more source files than a person takes in at a glance. */
function crowded(files: readonly Source[], maxFiles: number): string[] {
  const counts = new Map<string, number>();
  for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > maxFiles).map(([folder, count]) => `${folder}: ${count}`);
}

/** Exported declarations without a docstring right above them. */
function undocumented({ path, text }: Source): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const name = /^export (?:default )?(?:async )?(?:abstract )?(?:function\*?|class|interface|type|const) (\w+)/.exec(
      line,
    )?.[1];
    return name && !lines[index - 1]?.trim().endsWith('*/') ? [`${path}: ${name}`] : [];
  });
}

const sources: Source[] = ROOMS.flatMap(room =>
  readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.(ts|js|css)$/.test(file) && !file.startsWith('runs/'))
    .map(file => ({ path: `${room}/${file}`, room, text: readFileSync(join(ROOT, room, file), 'utf8') })),
);

describe('the house', () => {
  it('has imports that point down only', () => {
    expect(sources.flatMap(wrongArrows)).toEqual([]);
  });

  it('has no file that imports lead back to', () => {
    expect(inCircles(sources.filter(({ room }) => room !== 'test'))).toEqual([]);
  });

  it('finds files that import each other, if only for a type', () => {
    const file = (name: string, text: string): Source => ({ path: `harness/${name}.ts`, room: 'harness', text });
    const a = file('a', `import type { B } from './b.ts';`);
    const b = file('b', `import { c } from './c.ts';`);
    expect(
      inCircles([a, b, file('c', `import { a } from './a.ts';`), file('d', `import { a } from './a.ts';`)]),
    ).toEqual(['harness/a.ts', 'harness/b.ts', 'harness/c.ts']);
    expect(inCircles([a, b, file('c', '')])).toEqual([]);
  });

  it('has no crowded folder', () => {
    const rooms = sources.filter(({ room }) => room !== 'test');
    expect(crowded(rooms, MAX_FILES)).toEqual([]);
    expect(crowded(rooms, 1)).not.toEqual([]);
  });

  it('finds an arrow that points up', () => {
    const at = (room: string, text: string) => wrongArrows({ path: `${room}/a.ts`, room, text });
    expect(at('harness', `import { x } from '../stack/x.ts';`)).toEqual(['harness/a.ts imports stack/']);
    expect(at('harness', `import { z } from 'zod';`)).toEqual(['harness/a.ts imports the package zod']);
    expect(at('faults', `import { x } from '../reports/x.ts';`)).toEqual(['faults/a.ts imports reports/']);
    expect(at('faults', `import type { X } from '../reports/x.ts';`)).toEqual(['faults/a.ts imports reports/']);
    expect(at('load', `import { x } from '../platform/x.ts';`)).toEqual([]);
    expect(at('stack', `import {\n  a,\n  b,\n} from '../scenarios/x.ts';`)).toEqual(['stack/a.ts imports scenarios/']);
  });

  it('hands clock, network and chance on, and takes them from the machine in few places', () => {
    const handed = sources.filter(({ room, path }) => HANDED.includes(room) && !path.endsWith('.css'));
    const taking = handed.flatMap(({ path, text }) =>
      path in REACHING ? [] : directUses(text).map(use => `${path} ${use}`),
    );
    expect(taking).toEqual([]);
    const isRoot = (path: string) => /\bmain\.ts$/.test(path) || Object.keys(ROOTS).some(root => path.startsWith(root));
    const naming = handed.filter(({ path, text }) => OF_THE_MACHINE.test(text) && !isRoot(path));
    expect(naming.map(({ path }) => path)).toEqual([]);
    const idle = handed.filter(({ path, text }) => path in REACHING && directUses(text).length === 0);
    expect(idle, 'exceptions that are none').toEqual([]);
  });

  it.each([
    ['setTimeout(run, 1)', 'uses setTimeout'],
    ['const timer = setInterval(run, 1)', 'uses setInterval'],
    ['queue.push(setImmediate)', 'uses setImmediate'],
    ['globalThis.setTimeout(run)', 'uses globalThis.setTimeout'],
    ['const { setTimeout: later } = globalThis', 'uses globalThis.setTimeout'],
    ['const now = Date.now()', 'uses Date.now'],
    ['const clock = { now: Date.now }', 'uses Date.now'],
    ['const { now } = Date', 'uses Date.now'],
    ['const date = new Date()', 'uses new Date()'],
    ['const text = Date()', 'uses Date()'],
    ['const ms = performance.now()', 'uses performance'],
    ['const ns = process.hrtime.bigint()', 'uses process.hrtime'],
    [`const ns = process['hrtime']()`, 'uses process.hrtime'],
    ['const limit = AbortSignal.timeout(5)', 'uses AbortSignal.timeout'],
    ['const chance = Math.random()', 'uses Math.random'],
    ['const id = crypto.randomUUID()', 'uses crypto'],
    ['await fetch(url)', 'uses fetch'],
    ['const call = (send = fetch) => send(url)', 'uses fetch'],
    ['const network = { fetch }', 'uses fetch'],
    [`import { setTimeout as sleep } from 'node:timers/promises'`, 'imports setTimeout of timers/promises'],
    [`import { performance as p } from 'perf_hooks'`, 'imports performance of perf_hooks'],
    [`import { connect } from 'node:net'`, 'imports connect of net'],
    [`import net from 'node:net'`, 'imports * of net'],
    [`import * as net from 'node:net'`, 'imports * of net'],
    [`import { type Server, Socket } from 'node:net'`, 'imports Socket of net'],
    [`export { connect as dial } from 'node:net'`, 'imports connect of net'],
    [`export * from 'node:dns'`, 'imports * of dns'],
    [`const { connect } = await import('node:tls')`, 'imports * of tls'],
    [`const net = require('net')`, 'imports * of net'],
    [`import { connect } from 'node:tls'`, 'imports connect of tls'],
    [`import { request } from 'node:http'`, 'imports request of http'],
    [`import { get } from 'node:https'`, 'imports get of https'],
    [`import { lookup } from 'node:dns/promises'`, 'imports lookup of dns/promises'],
    [`import { createSocket } from 'node:dgram'`, 'imports createSocket of dgram'],
    [`import { randomInt } from 'node:crypto'`, 'imports randomInt of crypto'],
    [`import { randomBytes, createHash } from 'node:crypto'`, 'imports randomBytes of crypto'],
    [`import { request } from 'undici'`, 'imports request of undici'],
    [`import { Pool } from 'undici'; const pool = new Pool(origin, { connections: 1 })`, 'new Pool without connect'],
    [`import { Redis } from 'ioredis'; const redis = new Redis(url)`, 'new Redis without Connector'],
    ['createServer(serve).listen(80)', 'listens'],
    ['this.#server.listen(80)', 'listens'],
  ])('finds what takes from the machine: %s', (text, use) => {
    expect(directUses(text)).toEqual([use]);
  });

  it.each([
    '// Date.now() and setTimeout\nconst text = "fetch(url)"',
    'const at = new Date(clock.nowMs())',
    'class Socket { setTimeout(ms: number) { return this.idle.fetch(ms); } }',
    'await network.fetch(url); await machine.network.listen(server, endpoint); socket.setTimeout(5)',
    'let run: typeof fetch; let later: typeof setTimeout; let at: Date',
    `import type { Socket } from 'node:net'; import { type Server, isIP } from 'node:net'`,
    `import { createHash } from 'node:crypto'; export type { Agent } from 'node:http'`,
    `import { Pool } from 'undici'; const pool = new Pool(origin, { connect })`,
    'const { fetch: load } = network; const send = { fetch: load }',
  ])('leaves alone what only looks like it: %s', text => {
    expect(directUses(text)).toEqual([]);
  });

  it('has no file over 300 lines', () => {
    const long = sources.filter(({ text }) => text.split('\n').length - 1 > MAX_LINES).map(({ path }) => path);
    expect(long).toEqual([]);
  });

  it('documents every export', () => {
    const rooms = sources.filter(({ room, path }) => room !== 'test' && path.endsWith('.ts'));
    expect(rooms.flatMap(undocumented)).toEqual([]);
    expect(undocumented({ path: 'a.ts', room: 'stack', text: 'export function bare() {}' })).toEqual(['a.ts: bare']);
  });

  it('has no room beside the agreed ones, no barrel and no drawer for odds and ends', () => {
    const vague = sources
      .filter(({ path }) => /\/(index|utils?|helpers?|common|misc)\.ts$/.test(path))
      .map(({ path }) => path);
    expect(vague).toEqual([]);
  });
});
