import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { echo, startUpstream } from './peers.ts';
import { SERVERS, startServer } from './servers.ts';

// Whatever is sent to it, the embedded server responds, goes on, hears SIGTERM and keeps its memory: calls that are nearly right (most
// of what breaks a server is), bytes that are no HTTP, and connections through the proxies that come out of it, all at once.
const CALLS = 10_000;
const RAW = 300;
const AT_ONCE = 16;
const HANG_MS = 2_000;
const MAX_GROWTH_MIB = 150;

const random = seededRandom(20_261_128);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
const chance = (ratio: number) => random.next() < ratio;

const NAMES = ['p', 'q', 'a→b', '', '..', '%', '__proto__', 'constructor', 'n'.repeat(3000), '\u0000', '<&>', '\ud800'];
const KINDS = [
  'latency',
  'bandwidth',
  'slow_close',
  'timeout',
  'reset_peer',
  'slicer',
  'limit_data',
  'noop',
  'toString',
  '',
];
const ATTRIBUTES = [
  'latency',
  'jitter',
  'rate',
  'delay',
  'timeout',
  'average_size',
  'size_variation',
  'bytes',
  '__proto__',
];
const NUMBERS = [
  '0',
  '1',
  '-1',
  '10',
  '2147483648',
  '9223372036854775807',
  '-9223372036854775808',
  '1e400',
  '1.5',
  '1e2',
  '-0',
];
const VALUES = [...NUMBERS, 'null', 'true', '"x"', '[]', '{}', '"127.0.0.1:0"', '"localhost:0"', '":-1"', '"::::"'];
const METHODS = ['GET', 'POST', 'PATCH', 'DELETE', 'PUT', 'HEAD', 'OPTIONS', 'TRACE'];
const BREAKS = [
  '',
  '{',
  '}',
  '"',
  '\\',
  '\u0000',
  ',',
  '[[[[',
  '\ufffd',
  '\u2028',
  '1e999',
  ' '.repeat(5000),
  '['.repeat(20_000),
];

it(`survives ${CALLS} fuzzed calls`, async () => {
  const startMs = performance.now();
  await using upstream = await startUpstream(echo);
  const server = await startServer(SERVERS.find(({ kind }) => kind === 'embedded')!);
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const { port } = new URL(server.apiUrl);
  const beforeMiB = memoryMiB(server.pid);
  const statuses = new Map<string, number>();
  let worstMs = 0;
  let left = CALLS;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      const fuzzed = fuzzedCall(upstream.address);
      // A busy machine may take as long once, a hang takes it each time.
      let seen = await call(agent, port, fuzzed);
      for (let again = 0; again < 2 && seen.ms > HANG_MS; again += 1) seen = await call(agent, port, fuzzed);
      worstMs = Math.max(worstMs, seen.ms);
      statuses.set(seen.status, (statuses.get(seen.status) ?? 0) + 1);
    }
  };
  const raw = async () => {
    for (let sent = 0; sent < RAW; sent += 1) await sendRaw(Number(port));
  };
  await Promise.all([...Array.from({ length: AT_ONCE }, caller), raw(), useProxies(server.apiUrl, () => left > 0)]);
  const version = await fetch(`${server.apiUrl}/version`).catch(error => error);
  expect(version.status, `it has died: ${version} ${server.output().slice(-3000)}`).toBe(200);
  await settle(server.apiUrl);
  const grownMiB = memoryMiB(server.pid) - beforeMiB;
  const stopMs = performance.now();
  agent.destroy();
  const code = await server.stop();
  const stoppedMs = performance.now() - stopMs;
  const counts = [...statuses].sort().map(([status, count]) => `${status}: ${count}`);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(
    `${counts.join(', ')} in ${seconds} s, slowest ${worstMs.toFixed(0)} ms, ${grownMiB.toFixed(0)} MiB more`,
  );
  expect(server.output()).not.toMatch(/Warning|^ +at /m);
  expect(code).toBe(0);
  expect(stoppedMs).toBeLessThan(HANG_MS);
  expect(worstMs).toBeLessThan(HANG_MS);
  expect(grownMiB).toBeLessThan(MAX_GROWTH_MIB);
  // Most of it must get through to what is behind the parser, or it is no test of that.
  expect(statuses.get('200') ?? 0).toBeGreaterThan(CALLS / 20);
  expect(statuses.get('201') ?? 0).toBeGreaterThan(CALLS / 100);
  expect(statuses.get('no response') ?? 0).toBe(0);
});

/** Sends a call. @returns its status, or that there was no response, and how long that took */
function call(agent: Agent, port: string, fuzzed: FuzzedCall): Promise<{ status: string; ms: number }> {
  const { method, path, body } = fuzzed;
  const type = pick(['application/json', 'text/plain', 'x'.repeat(2000), '']);
  const sentMs = performance.now();
  return new Promise(resolve => {
    const end = (status: string) => resolve({ status, ms: performance.now() - sentMs });
    const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
    const sent = request({ agent, host: '127.0.0.1', port, method, path, headers }, response => {
      response.resume().on('end', () => end(String(response.statusCode)));
      response.on('error', () => end('no response'));
    });
    sent.setTimeout(2 * HANG_MS, () => sent.destroy());
    sent.on('error', () => end('no response'));
    sent.end(body);
  });
}

interface FuzzedCall {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** One call, broken somewhere or not. */
function fuzzedCall(upstream: string): FuzzedCall {
  const proxy = encodeURIComponent(chance(0.7) ? pick(['p', 'q', 'r']) : pick(NAMES).toWellFormed());
  const toxic = encodeURIComponent(chance(0.7) ? pick(['t', 'u']) : pick(NAMES).toWellFormed());
  const [allowed, path, body] = pick([
    ['POST', '/proxies', proxyJson(upstream)],
    ['POST', '/proxies', proxyJson(upstream)],
    ['GET', '/proxies', ''],
    [pick(['POST', 'PATCH']), `/proxies/${proxy}`, chance(0.5) ? proxyJson(upstream) : `{"enabled":${chance(0.5)}}`],
    [pick(['GET', 'DELETE']), `/proxies/${proxy}`, ''],
    ['POST', `/proxies/${proxy}/toxics`, toxicJson()],
    ['POST', `/proxies/${proxy}/toxics`, toxicJson()],
    [pick(['GET', 'DELETE']), `/proxies/${proxy}/toxics/${toxic}`, ''],
    [pick(['POST', 'PATCH']), `/proxies/${proxy}/toxics/${toxic}`, toxicJson()],
    ['POST', '/populate', `[${proxyJson(upstream)},${proxyJson(upstream)}]`],
    ['POST', chance(0.2) ? '/reset' : '/version', ''],
    ['GET', pick(['/', '//', '/..', '/proxies/../x', '/%zz', '/%00', '/metrics', '*', `/${'x'.repeat(4000)}`]), ''],
  ] as const);
  return { method: chance(0.9) ? allowed : pick(METHODS), path, body: chance(0.3) ? broken(body) : body };
}

function proxyJson(upstream: string): string {
  const name = JSON.stringify(chance(0.8) ? pick(['p', 'q', 'r']) : pick(NAMES));
  const to = JSON.stringify(chance(0.8) ? upstream : pick(['127.0.0.1:1', '', 'x', ':0', '127.0.0.1:99999']));
  const more = chance(0.2) ? `,"${pick(['enabled', 'toxics', 'listen', 'NAME', 'x'])}":${pick(VALUES)}` : '';
  return `{"name":${name},"listen":"127.0.0.1:0","upstream":${to}${more}}`;
}

function toxicJson(): string {
  const attributes = Array.from(
    { length: 3 },
    () => `"${pick(ATTRIBUTES)}":${chance(0.8) ? pick(NUMBERS) : pick(VALUES)}`,
  );
  const stream = chance(0.9) ? pick(['upstream', 'downstream', 'UPSTREAM']) : pick(NAMES);
  const toxicity = chance(0.8) ? pick(['0', '0.5', '1']) : pick(VALUES);
  const head = `"name":"${pick(['t', 'u', 'v'])}","type":"${pick(KINDS)}","stream":${JSON.stringify(stream)}`;
  return `{${head},"toxicity":${toxicity},"attributes":{${attributes}}}`;
}

/** Something of it is left out, doubled or replaced. */
function broken(text: string): string {
  const [from, to] = [Math.floor(random.next() * text.length), Math.floor(random.next() * text.length)];
  return text.slice(0, from) + pick(BREAKS) + text.slice(to);
}

/** Bytes that are no HTTP, or only begin to be. */
async function sendRaw(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  const length = pick(['5', '-1', '1e9', '99999999999999999999', 'x']);
  socket.write(
    pick([
      Buffer.from(Array.from({ length: 200 }, () => Math.floor(random.next() * 256))),
      `POST /proxies HTTP/1.1\r\ncontent-length: ${length}\r\n\r\n{}`,
      'POST /proxies HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n{}',
      'GET /proxies HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(20),
      `GET /${'%'.repeat(9000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
    ]),
  );
  await sleep(5);
  socket.destroy();
}

/** Connections through whichever proxies are there, which say something and go. */
async function useProxies(apiUrl: string, goesOn: () => boolean): Promise<void> {
  while (goesOn()) {
    const text = await fetch(`${apiUrl}/proxies`).then(
      response => response.text(),
      () => '',
    );
    const ports = [...text.matchAll(/"listen":"127\.0\.0\.1:(\d+)"/g)].slice(-3);
    for (const [, port] of ports) {
      const socket = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
      socket.on('error', () => {}).resume();
      socket.write('x'.repeat(1 + Math.floor(random.next() * 5_000)));
      setTimeout(() => (chance(0.5) ? socket.end() : socket.destroy()), random.next() * 100);
      setTimeout(() => socket.destroy(), 500);
    }
    await sleep(50);
  }
}

/** Removes every proxy, with its connections. */
async function settle(apiUrl: string): Promise<void> {
  for (const name of Object.keys(JSON.parse(await fetch(`${apiUrl}/proxies`).then(response => response.text()))))
    await fetch(`${apiUrl}/proxies/${encodeURIComponent(name.toWellFormed())}`, { method: 'DELETE' });
}

function memoryMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
