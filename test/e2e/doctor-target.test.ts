import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { TargetCheck } from '../../scenarios/target/inspect.ts';
import { makeAuthority } from '../../stack/edge/certificates.ts';
import { type Asked, serve } from '../load/server.ts';
import { squall } from './squall.ts';

type Answer = Parameters<Parameters<typeof serve>[0]>[1];

const frame = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const token = (content: string) => frame({ choices: [{ index: 0, delta: { content } }] });
const USAGE = frame({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 } });
const STOP = frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
const FRAMES = [token('a'), token('b'), token('c'), STOP, USAGE, frame('[DONE]')];

/** An OpenAI-compatible server that does all as it should. */
async function good({ method, path, body }: Asked, response: Answer): Promise<void> {
  if (path === '/metrics') return void response.end('vllm:num_requests_waiting 3\n');
  if (method === 'GET') return void response.end(JSON.stringify({ data: [{ id: 'tiny' }, { id: 'large' }] }));
  const { model } = JSON.parse(body);
  if (model !== 'tiny')
    return void response.writeHead(404).end(JSON.stringify({ error: { message: `no ${model} here` } }));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const text of FRAMES) {
    response.write(text);
    await new Promise(resolve => setTimeout(resolve, 30));
  }
  response.end();
}

/** One that buffers, ends without a word, moves its API, and takes any model. */
function odd({ method, path }: Asked, response: Answer): void {
  if (method === 'GET') return void response.socket!.destroy();
  if (!path.endsWith('/')) return void response.writeHead(307, { location: `${path}/` }).end();
  response
    .writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' })
    .end(token('a') + token('b') + STOP);
}

const doctor = async (url: string, more: readonly string[] = [], env: Record<string, string> = {}) => {
  const { code, stdout, stderr } = await squall(['doctor', '--target', url, '--json', ...more], env);
  const { checks } = stdout.startsWith('{') ? (JSON.parse(stdout) as { checks: TargetCheck[] }) : { checks: [] };
  return { code, stderr, checks, of: (name: string) => checks.find(({ check }) => check === name) };
};

it.concurrent('tells what a server speaks, in a few requests', async () => {
  await using server = await serve((asked, response) => void good(asked, response));
  const { code, checks, of } = await doctor(server.url);
  expect(code).toBe(0);
  expect(checks.filter(({ state }) => state !== 'ok')).toEqual([]);
  expect(of('models')!.found).toBe('tiny, large');
  expect(of('dialect')!.found).toMatch(/HTTP\/1\.1 200, text\/event-stream, begins: data: /);
  expect(of('usage')!.found).toMatch(/9 tokens of prompt, 3 of output in 3 frames/);
  expect(of('errors')!.found).toBe('404: no squall-no-such-model here');
  expect(of('metrics')!.found).toContain('queue');
  expect(server.asked.length).toBeLessThanOrEqual(8);
});

it.concurrent('tells what is odd about one, and of proxies that are not used', async () => {
  await using server = await serve(odd);
  const { code, of } = await doctor(server.url, ['--model', 'mine'], { HTTP_PROXY: 'http://127.0.0.1:9' });
  expect(code).toBe(0);
  expect(of('proxy')!.found).toMatch(/HTTP_PROXY/);
  for (const name of ['models', '[DONE]', 'usage', 'buffering', 'errors', 'keep-alive', 'metrics', 'oddity'])
    expect(of(name), name).toMatchObject({ state: 'note' });
  expect(of('oddity')!.found).toMatch(/redirected \(307\)/);
});

it.concurrent('ends with 4 and the reason where no run could start', async () => {
  expect(await doctor('http://127.0.0.1:9')).toMatchObject({
    code: 4,
    checks: [{ check: 'target-refused', state: 'bad' }],
  });
  await using server = await serve((_, response) => void response.writeHead(401).end('{"error":{"message":"no key"}}'));
  const refused = await doctor(server.url);
  expect(refused.code).toBe(4);
  expect(refused.of('target-rejects')!.found).toContain('401: no key');
});

it.concurrent('tells of TLS, and names a server that speaks only HTTP/2', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'squall-doctor-'));
  const authority = await makeAuthority(new Date());
  const { certificate: cert, key } = await authority.issue({ names: ['localhost'] });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, authority.certificate);
  const tls = createTlsServer(
    { cert, key },
    (request, response) => void request.resume().on('end', () => response.writeHead(404).end('{}')),
  );
  const h2 = createSecureServer({ cert, key, allowHTTP1: false }).on('sessionError', () => {});
  const urls = await Promise.all(
    [tls, h2].map(async server => {
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      return `https://localhost:${(server.address() as AddressInfo).port}`;
    }),
  );
  const [plain, untrusted, insecure, http2] = await Promise.all([
    doctor(urls[0]!, [], { NODE_EXTRA_CA_CERTS: ca }),
    doctor(urls[0]!),
    doctor(urls[0]!, ['--insecure']),
    doctor(urls[1]!, [], { NODE_EXTRA_CA_CERTS: ca }),
  ]);
  expect(plain.of('tls')!.found).toMatch(/TLSv1\.3, certificate by .+ more days, prefers http\/1\.1/);
  expect(untrusted.of('target-tls')).toMatchObject({ state: 'bad' });
  expect(insecure.of('tls')).toBeDefined();
  expect(http2.of('target-http2')).toMatchObject({ state: 'bad' });
  for (const server of [tls, h2]) server.close();
  rmSync(folder, { recursive: true });
});
