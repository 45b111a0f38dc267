import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseFlags } from '../../../faults/toxiproxy/flags.ts';
import { clientOf, dial, echo, endingOf, openProxy, roundTripMs, startUpstream } from './peers.ts';
import { type RunningServer, SERVERS, startServer } from './servers.ts';

const MEBIBYTE = 1024 * 1024;

interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** Sends a path as it is; `fetch` would clean it. */
function send(apiUrl: string, call: string, body?: string, headers = {}): Promise<Reply> {
  const [method, path] = call.split(' ') as [string, string];
  const { hostname, port } = new URL(apiUrl);
  return new Promise((resolve, reject) => {
    request({ hostname, port, method, path, headers, agent: false }, async response => {
      resolve({ status: response.statusCode!, headers: response.headers, text: await textOf(response) });
    })
      .on('error', reject)
      .end(body);
  });
}

// Every row holds for Toxiproxy 2.12 as well; the expected text is a part of the response.
const ROWS: readonly (readonly [call: string, body: string | undefined, status: number, text: string])[] = [
  ['POST /proxies', '{"NAME":"a","Upstream":"x:1","lIsten":"127.0.0.1:0"}', 201, '"upstream":"x:1"'],
  ['POST /proxies', '{"name":"b","NAME":null,"upſtream":"x:1","listen":"127.0.0.1:0"} {"x', 201, '"name":"b"'],
  ['POST /proxies', '{"name":"c","upstream":"}\\"{","listen":"127.0.0.1:0"}trailing', 201, '"upstream":"}\\"{"'],
  ['POST /proxies', '{"name":"d"', 400, 'unexpected EOF'],
  ['POST /proxies', '{"name":"d', 400, 'unexpected EOF'],
  ['POST /proxies', ' \n', 400, 'bad request body: EOF'],
  ['POST /proxies', 'null', 400, 'missing required field: name'],
  ['POST /proxies', '{"name":"d","upstream":"x:1","enabled":1}', 400, 'cannot unmarshal number into '],
  ['POST /proxies', '{"name":true}', 400, 'cannot unmarshal bool into '],
  ['POST /populate', 'null', 201, '{"proxies":null}'],
  ['POST /populate', '[{"Name":"a","UPSTREAM":"x:1","Listen":"127.0.0.1:0","ENABLED":false}]]', 201, '"enabled":false'],
  [
    'POST /proxies/a/toxics',
    '{"type":"latency","ATTRIBUTES":{"Latency":9223372036854775807}}',
    200,
    ':9223372036854775807,',
  ],
  ['GET /proxies/a', undefined, 200, '"latency":9223372036854775807,'],
  ['GET /proxies', undefined, 200, '"latency":9223372036854775807,'],
  [
    'PATCH /proxies/a/toxics/latency_downstream',
    '{"attributes":{"JITTER":-9007199254740993}}',
    200,
    ':-9007199254740993}',
  ],
  [
    'GET /proxies/a/toxics/latency_downstream',
    undefined,
    200,
    '"latency":9223372036854775807,"jitter":-9007199254740993',
  ],
  ['PATCH /proxies/a/toxics/latency_downstream', '{"toxicity":1e400}', 400, 'cannot unmarshal number 1e400 into '],
  ['PATCH /proxies/a/toxics/latency_downstream', '{"toxicity":-1e39}', 400, 'cannot unmarshal number -1e39 into '],
  ['GET /proxies/a/toxics/latency_downstream', undefined, 200, '"toxicity":1}'],
  ['PATCH /proxies/a/toxics/latency_downstream', '{"Toxicity":0.123456789}', 200, '"toxicity":0.12345679}'],
  ['PATCH /proxies/a/toxics/latency_downstream', '{"toxicity":0.1}', 200, '"toxicity":0.1}'],
  [
    'POST /proxies/a/toxics',
    '{"name":"l","type":"latency","attributes":{"latency":9223372036854775808}}',
    400,
    'number 9223372036854775808 ',
  ],
  [
    'POST /proxies/a/toxics',
    '{"name":"l","type":"latency","attributes":{"latency":-9223372036854775809}}',
    400,
    'number -9223372036854775809 ',
  ],
  ['POST /proxies/a/toxics', '{"name":"l","type":"latency","attributes":{"latency":1e3}}', 400, 'number 1e3 '],
  ['POST /proxies/a/toxics', '{"name":"l","type":"latency","toxicity":1e400}', 400, 'number 1e400 '],
  [
    'POST /proxies/a/toxics',
    '{"name":"l","type":"latency","attributes":{"latency":"5"}}',
    400,
    'cannot unmarshal string into ',
  ],
  ['GET /proxies/a/toxics/l', undefined, 404, 'toxic not found'],
  ['GET //version', undefined, 301, ''],
  ['GET /nowhere/../version', undefined, 301, ''],
  ['GET /proxies/%ff', undefined, 404, 'proxy not found'],
  ['GET /proxies/%zz', undefined, 400, '400 Bad Request'],
  ['HEAD /version', undefined, 405, ''],
  ['GET /metrics', undefined, 404, '404 page not found'],
];

describe.each(SERVERS.filter(server => !server.isMissing))('the wire of the $title server', row => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer(row);
  }, 15_000);
  afterAll(() => server.stop());

  it.each(ROWS)('%s %s → %i %s', async (call, body, status, part) => {
    const { status: found, text } = await send(server.apiUrl, call, body);
    expect([found, text]).toEqual([status, expect.stringContaining(part)]);
  });

  it('names each routed response, and says how long every one is', async () => {
    const calls = ['GET /version', 'GET /proxies', 'GET /proxies/none', 'POST /reset'];
    const routed = await Promise.all(calls.map(call => send(server.apiUrl, call)));
    const ids = routed.map(({ headers }) => headers['x-toxiproxy-request-id']);
    for (const id of ids) expect(id).toMatch(/^[0-9a-v]{20}$/);
    expect(new Set(ids).size).toBe(4);
    for (const call of [...calls.slice(0, 3), 'GET /nope', 'PUT /proxies']) {
      const { headers, text } = await send(server.apiUrl, call);
      expect(headers['content-length']).toBe(String(Buffer.byteLength(text)));
    }
    for (const call of ['GET /nope', 'PUT /proxies', 'GET //version']) {
      expect((await send(server.apiUrl, call)).headers).not.toHaveProperty('x-toxiproxy-request-id');
    }
    expect(routed[3]!.headers).not.toHaveProperty('content-length');
  });

  it.each([
    ['//version', '/version'],
    ['/./proxies//x%20y/?a=1&b=/../c', '/proxies/x%20y/?a=1&b=/../c'],
    ['/../../proxies/x/..', '/proxies'],
    ['/proxies/a%2F..%2Fb%3Fc', '/proxies/b%3Fc'],
  ])('sends a client from %s to %s', async (path, location) => {
    expect((await send(server.apiUrl, `GET ${path}`)).headers.location).toBe(location);
  });

  it('takes an absolute URI and a body of 3 MiB', async () => {
    expect((await send(server.apiUrl, `GET ${server.apiUrl}/version`)).status).toBe(200);
    const name = 'n'.repeat(3 * MEBIBYTE);
    const { status, text } = await send(server.apiUrl, 'POST /proxies', JSON.stringify({ name, upstream: '' }));
    expect([status, text]).toEqual([400, expect.stringContaining('missing required field: upstream')]);
    const padded = `${' '.repeat(3 * MEBIBYTE)}{"name":"padded","upstream":"x:1","listen":"127.0.0.1:0"}`;
    expect((await send(server.apiUrl, 'POST /proxies', padded)).status).toBe(201);
  });
});

describe('the embedded server', () => {
  it('rejects a body of more than 64 MiB, and lives on', async () => {
    await using server = await startServer(SERVERS[0]!);
    const { status, text } = await send(server.apiUrl, 'POST /proxies', ' '.repeat(65 * MEBIBYTE));
    expect([status, JSON.parse(text)]).toEqual([413, { error: expect.stringContaining('more than'), status: 413 }]);
    expect((await send(server.apiUrl, 'GET /version')).status).toBe(200);
  });

  it('waits longer than the longest timer of Node, without a word', async () => {
    // Such a timer fires after 1 ms, and warns of it.
    await using upstream = await startUpstream(echo);
    await using server = await startServer(SERVERS[0]!);
    const client = clientOf(server.apiUrl);
    const timeoutMs = 2 ** 31;
    for (const toxic of [
      { kind: 'reset_peer', timeoutMs },
      { kind: 'timeout', timeoutMs },
      { kind: 'latency', latencyMs: timeoutMs },
    ] as const) {
      const proxy = await openProxy(client, upstream.address);
      await client.addToxic(proxy.name, toxic);
      const socket = await dial(proxy.listen);
      socket.write('x');
      expect(await endingOf(socket, 300)).toBe('open');
      expect(socket.bytesRead).toBe(0);
      socket.destroy();
    }
    expect(server.output()).not.toMatch(/Warning/);
  });

  it('creates the proxies of -config, counts their bytes, and does without a file that it cannot read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'squall-toxiproxy-'));
    await using upstream = await startUpstream(echo);
    const config = join(folder, 'proxies.json');
    writeFileSync(config, JSON.stringify([{ Name: 'p', Listen: '127.0.0.1:0', Upstream: upstream.address }]));
    await using server = await startServer(SERVERS[0]!, 1, undefined, [
      '-config',
      config,
      '-proxy-metrics',
      '-runtime-metrics',
    ]);
    rmSync(folder, { recursive: true });
    const proxy = await clientOf(server.apiUrl).getProxy('p');
    const socket = await dial(proxy.listen);
    await roundTripMs(socket, 'twelve bytes');
    socket.end();
    const labels = `proxy="p",listener="${proxy.listen}",upstream="${upstream.address}"`;
    const metrics = () => send(server.apiUrl, 'GET /metrics').then(({ text }) => text);
    for (let tries = 0; tries < 40 && !(await metrics()).includes(labels); tries += 1) await sleep(50);
    for (const direction of ['upstream', 'downstream'])
      for (const way of ['received', 'sent'])
        expect(await metrics()).toContain(`toxiproxy_proxy_${way}_bytes_total{direction="${direction}",${labels}} 12`);
    expect(await metrics()).toContain('process_open_fds ');

    await using without = await startServer(SERVERS[0]!, 1, undefined, ['-config', config]);
    expect((await send(without.apiUrl, 'GET /proxies')).text).toBe('{}');
    expect(without.output()).toMatch(/"level":"error".*ENOENT.*Error reading config file/);
  });
});

describe('flags of the embedded server', () => {
  it.each([
    ['-host ::1 --port=9 -seed -3', { host: '::1', port: 9, seed: -3 }],
    ['-version=F --proxy-metrics -runtime-metrics=1', { version: false, proxyMetrics: true, runtimeMetrics: true }],
    ['-config= -port 1 ignored -port 2', { config: '', port: 1 }],
    ['-version -- -port x', { version: true, port: 8474 }],
  ])('%s', (line, expected) => {
    expect(parseFlags(line.split(' '), 5)).toMatchObject(expected);
  });

  it.each([
    ['-port 65536', '-port'],
    ['-port -1', '-port'],
    ['-seed x', '-seed'],
    ['-version=yes', '-version'],
    ['-nope', '-nope'],
    ['-config', '-config'],
  ])('%s is an error', (line, named) => {
    expect(() => parseFlags(line.split(' '), 5)).toThrow(named);
  });
});
