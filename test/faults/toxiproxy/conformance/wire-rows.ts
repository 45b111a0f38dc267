import { add, CREATE, LISTEN } from './api-rows.ts';
import { type Row, script } from './table.ts';

/** The wire, as foreign clients may use it. */
export const WIRE: readonly Row[] = [
  script(
    'wire: keys in any case',
    `POST /proxies {"NAME":"p","Upstream":"$U","LiStEn":"127.0.0.1:0"}`,
    add('{"TYPE":"latency","Attributes":{"LATENCY":5,"Jitter":1}}'),
  ),
  script(
    'wire: keys in any case, populate',
    `POST /populate [{"Name":"p","UPSTREAM":"$U","Listen":"127.0.0.1:0","ENABLED":false}]`,
  ),
  script(
    'wire: keys in any case, update',
    CREATE,
    add('{"type":"latency"}'),
    'PATCH /proxies/p/toxics/latency_downstream {"Attributes":{"Latency":7},"TOXICITY":0.5}',
    'PATCH /proxies/p {"ENABLED":false}',
  ),
  script(
    'wire: the last of equal keys',
    `POST /proxies {"name":"a","name":"p","upstream":"$U",${LISTEN}}`,
    add('{"type":"latency","attributes":{"latency":1,"LATENCY":2}}'),
  ),
  script(
    'wire: bytes after the object',
    `POST /proxies {"name":"p","upstream":"$U",${LISTEN}} trailing`,
    add('{"type":"noop"}}}}'),
    'PATCH /proxies/p {"enabled":false}{"enabled":true}',
  ),
  script('wire: bytes after the list', `POST /populate [{"name":"p","upstream":"$U",${LISTEN}}]]`),
  script('wire: unknown keys', `POST /proxies {"name":"p","upstream":"$U",${LISTEN},"x":{"y":[1]}}`),
  script(
    'wire: null is absent',
    `POST /proxies {"name":"p","upstream":"$U","listen":null,"enabled":null}`,
    add('{"type":"latency","name":null,"stream":null,"toxicity":null,"attributes":null}'),
  ),
  script(
    'wire: wrong types',
    'POST /proxies {"name":1}',
    'POST /proxies {"name":"p","upstream":"$U","enabled":"x"}',
    'POST /proxies "p"',
    'POST /proxies 5',
    'POST /proxies true',
  ),
  script(
    'wire: not JSON',
    'POST /proxies',
    'POST /proxies {x',
    "POST /proxies {'name':1}",
    'POST /proxies {"name":"a"',
    'POST /proxies NaN',
  ),
  script(
    'wire: 2 MiB of body',
    { call: 'POST /proxies', body: `${' '.repeat(2 << 20)}{"name":"p","upstream":"$U",${LISTEN}}` },
    'GET /proxies/p',
  ),
  script('wire: a name of 100,000 bytes', {
    call: 'POST /proxies',
    body: `{"name":"${'n'.repeat(100_000)}","upstream":""}`,
  }),
  script(
    'wire: int64 beyond 2^53',
    CREATE,
    add('{"type":"latency","attributes":{"latency":9007199254740993}}'),
    'GET /proxies/p/toxics',
  ),
  script(
    'wire: the last int64',
    CREATE,
    add('{"type":"timeout","attributes":{"timeout":9223372036854775807}}'),
    'GET /proxies/p/toxics',
    'PATCH /proxies/p/toxics/timeout_downstream {"attributes":{"timeout":-9223372036854775808}}',
  ),
  script(
    'wire: beyond int64',
    CREATE,
    add('{"type":"latency","attributes":{"latency":9223372036854775808}}'),
    'GET /proxies/p/toxics',
  ),
  script(
    'wire: not an integer',
    CREATE,
    add('{"type":"latency","attributes":{"latency":1.5}}'),
    add('{"type":"latency","attributes":{"latency":1.0}}'),
    add('{"type":"latency","attributes":{"latency":1e2}}'),
  ),
  script('wire: toxicity 1e400', CREATE, add('{"type":"noop","toxicity":1e400}'), 'GET /proxies/p/toxics'),
  script('wire: toxicity beyond float32', CREATE, add('{"type":"noop","toxicity":1e39}'), 'GET /proxies/p/toxics'),
  script('wire: 2^31 ms', CREATE, add('{"type":"latency","attributes":{"latency":2147483648,"jitter":2147483648}}')),
  script(
    'wire: a name with <, &, quotes and letters',
    `POST /proxies {"name":"<a&b>\\"→ ü\\u2028","upstream":"$U",${LISTEN}}`,
  ),
  script(
    'wire: a name in the path',
    `POST /proxies {"name":"a→b c","upstream":"$U",${LISTEN}}`,
    'GET /proxies/a%E2%86%92b%20c',
    'GET /proxies/a%2Fb',
    'GET /proxies/a%ZZ',
  ),
  script(
    'wire: //',
    { call: 'GET //proxies', show: ['location'] },
    { call: 'GET //x', show: ['location'] },
    { call: 'POST //reset', show: ['location'] },
  ),
  script(
    'wire: ..',
    { call: 'GET /proxies/../version', show: ['location'] },
    { call: 'GET /./version', show: ['location'] },
    { call: 'GET /proxies/..', show: ['location'] },
  ),
  script('wire: a slash at the end', { call: 'GET /proxies/', show: ['location'] }, 'GET /version/', 'GET /'),
  script('wire: a query', 'GET /proxies?x=1', 'GET /version?'),
  script(
    'wire: unknown paths',
    { call: 'GET /nope', show: ['content-type'] },
    'POST /proxies/p/toxics/t/x',
    'GET /metrics',
  ),
  script(
    'wire: other methods',
    { call: 'PUT /proxies', show: ['allow'] },
    'GET /reset',
    'GET /populate',
    'POST /version',
    'PUT /proxies/p',
    'DELETE /proxies',
  ),
  script(
    'wire: HEAD and OPTIONS',
    { call: 'HEAD /version', show: ['content-type'] },
    { call: 'OPTIONS /proxies', show: ['allow'] },
  ),
  script(
    'wire: headers of a created proxy',
    { call: CREATE, show: ['content-type', 'transfer-encoding'] },
    { call: 'DELETE /proxies/p', show: ['content-type', 'transfer-encoding'] },
  ),
  script('wire: headers of an error', {
    call: 'GET /proxies/zz',
    show: ['content-type', 'content-length', 'x-content-type-options'],
  }),
  script('wire: any content type', { call: CREATE, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
];
