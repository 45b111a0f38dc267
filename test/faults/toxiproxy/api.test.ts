import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, SERVERS, startServer } from './servers.ts';

// Each row is an answer that Toxiproxy 2.12 gives; running the same rows against it proves the table, not just our copy.
// A string is compared as the start of the `error`: Go's JSON decoder words the rest in its own way.
type Row = readonly [call: string, body: string | undefined, status: number, expected: unknown];

const PROXY = '/proxies/a%E2%86%92b';
const latency = (more: object) => ({
  attributes: { latency: 100, jitter: 0 },
  name: 'latency_downstream',
  type: 'latency',
  stream: 'downstream',
  toxicity: 1,
  ...more,
});
const noop = { attributes: {}, name: 'n', type: 'noop', stream: 'UPSTREAM', toxicity: 0.5 };
const ab = { name: 'a→b', upstream: '127.0.0.1:1', enabled: true, toxics: [] };

const ROWS: readonly Row[] = [
  ['GET /nope', undefined, 404, undefined],
  ['GET /proxies/', undefined, 404, undefined],
  ['PUT /proxies', undefined, 405, undefined],
  ['GET /proxies', undefined, 200, {}],
  ['POST /proxies', '', 400, 'bad request body: EOF'],
  ['POST /proxies', '{x', 400, 'bad request body: '],
  ['POST /proxies', '[]', 400, 'bad request body: json: cannot unmarshal array into '],
  ['POST /proxies', '{"name":5}', 400, 'bad request body: json: cannot unmarshal number '],
  ['POST /proxies', '{}', 400, 'missing required field: name'],
  ['POST /proxies', '{"name":"a"}', 400, 'missing required field: upstream'],
  ['POST /proxies', '{"name":"a→b","upstream":"127.0.0.1:1","listen":"127.0.0.1:0"}', 201, ab],
  ['POST /proxies', '{"name":"a→b","upstream":"127.0.0.1:1","listen":"127.0.0.1:0"}', 409, 'proxy already exists'],
  [
    'POST /proxies',
    '{"name":"c","upstream":"x:1","listen":"API"}',
    500,
    'listen tcp API: bind: address already in use',
  ],
  [
    'POST /proxies',
    '{"name":"c","upstream":"x:1","listen":"bad"}',
    500,
    'listen tcp: address bad: missing port in address',
  ],
  ['GET /proxies/c', undefined, 404, 'proxy not found'],
  [
    'POST /proxies',
    '{"name":"off","upstream":"x:1","listen":"localhost:0","enabled":false}',
    201,
    { enabled: false, listen: 'localhost:0' },
  ],
  [`GET ${PROXY}`, undefined, 200, ab],
  [`POST ${PROXY}`, '{"enabled":false}', 200, { ...ab, enabled: false }],
  [`PATCH ${PROXY}`, '{"enabled":true}', 200, ab],
  [`PATCH ${PROXY}`, '{"upstream":"127.0.0.1:2"}', 200, { ...ab, upstream: '127.0.0.1:2' }],
  [`PATCH ${PROXY}`, '{"listen":"bad"}', 500, 'address bad: missing port in address'],
  [`PATCH ${PROXY}`, '{', 400, 'bad request body: '],
  ['PATCH /proxies/zzz', '{}', 404, 'proxy not found'],
  ['DELETE /proxies/zzz', undefined, 404, 'proxy not found'],
  [`GET ${PROXY}/toxics`, undefined, 200, []],
  [`POST ${PROXY}/toxics`, '{"type":"latency","attributes":{"latency":100}}', 200, latency({})],
  [`POST ${PROXY}/toxics`, '{"type":"latency"}', 409, 'toxic already exists'],
  [`POST ${PROXY}/toxics`, '{"type":"nope"}', 400, 'invalid toxic type'],
  [
    `POST ${PROXY}/toxics`,
    '{"type":"latency","stream":"side"}',
    400,
    'stream was invalid, can be either upstream or downstream',
  ],
  [
    `POST ${PROXY}/toxics`,
    '{"name":"f","type":"latency","attributes":{"latency":1.5}}',
    400,
    'bad request body: json: cannot unmarshal number 1.5 into ',
  ],
  [`POST ${PROXY}/toxics`, '{"name":"n","type":"noop","stream":"UPSTREAM","toxicity":0.5}', 200, noop],
  [`GET ${PROXY}/toxics/latency_downstream`, undefined, 200, latency({})],
  [`POST ${PROXY}/toxics/latency_downstream`, '{"toxicity":0.5}', 200, latency({ toxicity: 0.5 })],
  [
    `PATCH ${PROXY}/toxics/latency_downstream`,
    '{"attributes":{"jitter":3},"name":"x"}',
    200,
    latency({ toxicity: 0.5, attributes: { latency: 100, jitter: 3 } }),
  ],
  [`GET ${PROXY}/toxics`, undefined, 200, [noop, latency({ toxicity: 0.5, attributes: { latency: 100, jitter: 3 } })]],
  [`GET ${PROXY}/toxics/zz`, undefined, 404, 'toxic not found'],
  [`PATCH ${PROXY}/toxics/zz`, '{}', 404, 'toxic not found'],
  [`DELETE ${PROXY}/toxics/zz`, undefined, 404, 'toxic not found'],
  [`DELETE ${PROXY}/toxics/n`, undefined, 204, undefined],
  ['POST /reset', undefined, 204, undefined],
  ['GET /proxies/off', undefined, 200, { enabled: true, toxics: [] }],
  [`GET ${PROXY}/toxics`, undefined, 200, []],
  ['POST /populate', '{}', 400, 'bad request body: json: cannot unmarshal object into '],
  [
    'POST /populate',
    '[{"name":"p","upstream":"x:1"},{"name":"q"}]',
    400,
    'missing required field: upstream at proxy 2',
  ],
  ['GET /proxies/p', undefined, 404, 'proxy not found'],
  [
    'POST /populate',
    '[{"name":"p","upstream":"x:1","listen":"127.0.0.1:0"}]',
    201,
    { proxies: [{ name: 'p', enabled: true, toxics: [] }] },
  ],
  [
    'POST /populate',
    '[{"name":"p","upstream":"y:1","listen":"127.0.0.1:0"}]',
    201,
    { proxies: [{ name: 'p', upstream: 'y:1' }] },
  ],
  ['DELETE /proxies/p', undefined, 204, undefined],
  ['GET /proxies/p', undefined, 404, 'proxy not found'],
];

describe.each(SERVERS.filter(server => !server.isMissing))('API of the $title server', row => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer(row);
  }, 15_000);
  afterAll(() => server.stop());

  it.each(ROWS)('%s %s → %i', async (call, body, status, expected) => {
    const [method, path] = call.split(' ') as [string, string];
    const api = server.apiUrl.slice('http://'.length);
    const init = body === undefined ? {} : { body: body.replace('API', api) };
    const response = await fetch(server.apiUrl + path, { method, ...init });
    const text = await response.text();
    expect(response.status).toBe(status);
    if (typeof expected === 'string') {
      const answer = JSON.parse(text);
      expect(answer.status).toBe(status);
      expect(answer.error.slice(0, expected.replace('API', api).length)).toBe(expected.replace('API', api));
    } else if (expected !== undefined) {
      expect(JSON.parse(text)).toMatchObject(expected as object);
      expect(response.headers.get('content-type')).toBe('application/json');
    }
  });

  it('tells its version', async () => {
    const answer = await fetch(`${server.apiUrl}/version`).then(r => r.json());
    expect(answer).toEqual({ version: expect.stringMatching(row.kind === 'embedded' ? /-embedded$/ : /./) });
  });

  it('turns browsers away', async () => {
    const response = await fetch(`${server.apiUrl}/version`, { headers: { 'user-agent': 'Mozilla/5.0' } });
    expect([response.status, await response.text()]).toEqual([403, 'User agent not allowed\n']);
  });
});

if (SERVERS.some(server => server.isMissing)) {
  it.skip('API of the real server: skipped, no toxiproxy-server on PATH or in .tools/bin', () => {});
}
