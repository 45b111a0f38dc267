import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type NotifyOptions, notifyOf } from '../../cli/notify.ts';
import { type Message, slackMessage, suiteMessage } from '../../reports/render/message.ts';
import { suiteMetrics } from '../../reports/render/metrics/families.ts';
import { squall, temporaryFolder } from '../e2e/squall.ts';
import { cell, combine, everyKind, hostile } from '../reports/suites.ts';

const STEADY = join(import.meta.dirname, '../e2e/fixtures/suite/steady.yaml');
const LIMITS = { timeoutMs: 10_000, retryAfterMs: 1 };
const MESSAGE = suiteMessage(everyKind, { link: 'https://ci.example/1' });

interface Received {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/** What each request gets in turn, the last for all others: a status, a body, or no response: `hang`, `cut`. */
let responses: (number | string)[];
let received: Received[];
let server: Server;
let origin: string;
beforeEach(async () => {
  responses = [200];
  received = [];
  server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    received.push({ url: request.url!, headers: request.headers, body: JSON.parse(text) });
    const next = responses[Math.min(received.length, responses.length) - 1]!;
    if (next === 'hang') return;
    if (next === 'cut') return void request.socket.destroy();
    response.writeHead(typeof next === 'number' ? next : 200, { location: '/elsewhere' });
    response.end(typeof next === 'string' ? next : '');
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise(done => server.close(done));
});

/** Sends a message, and returns what a person reads about it. */
async function sent(options: Partial<NotifyOptions>, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await notifyOf(
      { webhookFormat: 'json', ...options },
      env,
      responses[0] === 'hang' ? { ...LIMITS, timeoutMs: 300 } : LIMITS,
    ).send(MESSAGE, suiteMetrics(everyKind));
    return write.mock.calls.map(([text]) => String(text)).join('');
  } finally {
    write.mockRestore();
  }
}

describe('a webhook', () => {
  it('gets the result, from an option or the environment, where it does not stay', async () => {
    const env = { SQUALL_WEBHOOK: `${origin}/secret` };
    expect(await sent({}, env)).toBe('');
    expect(env).toEqual({});
    expect(received).toMatchObject([{ url: '/secret', body: MESSAGE }]);
    expect(await sent({ webhook: `${origin}/other`, webhookFormat: 'slack' })).toBe('');
    expect(received[1]).toMatchObject({ url: '/other', body: slackMessage(MESSAGE) });
  });

  it.each<[string, typeof responses, number | null, RegExp]>([
    ['is tried once more after an error of its own', [503, 200], 2, /^$/],
    ['is tried once more after no response', ['cut', 200], 2, /^$/],
    // On a busy machine an attempt may be over before the server has read it.
    [
      'that stays away is a warning',
      ['hang'],
      null,
      /webhook at 127\.0\.0\.1:\d+ did not take the result: no response within 300 ms/,
    ],
    ['that refuses is a warning at once', [404, 200], 1, /did not take the result: HTTP 404/],
    ['that sends elsewhere is not followed', [307, 200], 1, /HTTP 307, and redirections are not followed/],
  ])('%s', async (_, own, attempts, warning) => {
    responses = own;
    const text = await sent({ webhook: `${origin}/secret` });
    expect(text).toMatch(warning);
    expect(text).not.toContain('secret');
    if (attempts !== null) expect(received).toHaveLength(attempts);
  });

  it.each(['ftp://a/secret', 'file:///etc/secret', 'secret', 'http://secret:b@localhost'])(
    'is a URL of HTTP: not %s, which is not quoted',
    url => {
      const refused = () => notifyOf({ webhookFormat: 'json' }, { SQUALL_WEBHOOK: url });
      expect(refused).toThrow(/Expected SQUALL_WEBHOOK to be a URL of http or https without a user, got /);
      expect(refused).not.toThrow(/secret/);
    },
  );
});

it('has no text of others that Slack would take for its own', () => {
  const text = JSON.stringify(slackMessage(suiteMessage(everyKind, {})));
  expect(everyKind.cells.some(({ sentence }) => sentence === hostile)).toBe(true);
  expect(text).not.toMatch(/<(?:script|!)/);
  expect(text).toContain('&lt;script&gt;');
});

it('is short, however much is wrong', () => {
  const cells = Array.from({ length: 500 }, (_, seed) => cell(seed, 'fail', { sentence: 'x'.repeat(5000) }));
  const message: Message = suiteMessage(combine(cells), {});
  expect(message).toMatchObject({ verdict: 'fail', exitCode: 1, summary: 'Suite mine: 0 of 1 pass, 1 fail.' });
  expect(JSON.stringify(message).length).toBeLessThan(8000);
  // Slack refuses more than 50 blocks.
  expect((slackMessage(message) as { blocks: unknown[] }).blocks.length).toBeLessThan(20);
});

describe('a collector of OpenTelemetry', () => {
  it('gets the metrics, with headers from the environment', async () => {
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc,x-tenant=7' };
    expect(await sent({ otlp: `${origin}/otel` }, env)).toBe('');
    expect(await sent({ otlp: `${origin}/v1/metrics` })).toBe('');
    expect(received.map(({ url }) => url)).toEqual(['/otel/v1/metrics', '/v1/metrics']);
    expect(received[0]!.headers).toMatchObject({ authorization: 'Bearer abc', 'x-tenant': '7' });
    expect(JSON.stringify(received[0]!.body)).toContain('"name":"squall.suite.exit.code"');
  });

  it('that takes a part only is a warning', async () => {
    responses = ['{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"too old"}}'];
    expect(await sent({ otlp: origin })).toMatch(/collector at .* it rejected 3 values: too old/);
  });

  it('is refused with headers that are none', () => {
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=%zz' };
    expect(() => notifyOf({ webhookFormat: 'json', otlp: origin }, env)).toThrow(/OTEL_EXPORTER_OTLP_HEADERS/);
  });
});

it('changes no verdict, and stays out of all files of a run', async () => {
  using out = temporaryFolder();
  responses = [500];
  const env = { SQUALL_WEBHOOK: `${origin}/hook-secret` };
  const args = [
    'run',
    STEADY,
    '--platform',
    'virtual',
    '--out',
    out.path,
    '--quiet',
    '--otlp',
    `${origin}/collector-secret`,
  ];
  const { code, stderr, stdout } = await squall(args, env);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/webhook at .* HTTP 500/);
  const hook = received.filter(({ url }) => url === '/hook-secret').map(({ body }) => body);
  expect(hook).toHaveLength(2);
  expect(hook[0]).toMatchObject({ kind: 'run', name: 'steady', verdict: 'pass', exitCode: 0 });
  expect(received.filter(({ url }) => url === '/collector-secret/v1/metrics')).toHaveLength(2);
  const files = readdirSync(out.path, { recursive: true, encoding: 'utf8' }).map(name => join(out.path, name));
  const written = files.filter(file => statSync(file).isFile()).map(file => readFileSync(file, 'latin1'));
  expect(written.length).toBeGreaterThan(5);
  for (const text of [...written, stdout, stderr]) expect(text).not.toMatch(/(?:hook|collector)-secret/);
});
