import { Toxiproxy } from 'toxiproxy-node-client';
import { type Column, normalise, type Row, script } from './table.ts';

// Which requests a client sends, in which order and with which bodies and headers, and what it reads of their responses: facts of the
// clients, written down from their sources. The Node client, which is at hand, runs itself.

const json = (call: string, agent: string) => ({
  call,
  headers: { 'content-type': 'application/json', accept: '*/*', 'user-agent': agent },
});
const python = (call: string) => json(call, 'python-requests/2.32.3');
const ruby = (call: string) => json(call, 'Ruby');
const rust = (call: string) => json(call, 'reqwest/0.12');
const java = (call: string) => ({
  call,
  headers: {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'text/html, image/gif, image/jpeg, */*; q=0.2',
    'user-agent': 'Java/21.0.2',
  },
  show: ['content-type'],
});

/** Requests of the clients of other languages, as scripts. */
export const CLIENTS: readonly Row[] = [
  script(
    'python: create looks for the name first',
    python('GET /proxies'),
    python('POST /proxies {"upstream": "$U", "name": "p", "listen": "127.0.0.1:0"}'),
    python('GET /proxies'),
    python('POST /proxies {"upstream": "$U", "name": "q", "listen": "127.0.0.1:0", "enabled": false}'),
  ),
  script(
    'python: a down block',
    python('POST /proxies {"upstream": "$U", "name": "p", "listen": "127.0.0.1:0"}'),
    python('POST /proxies/p {"enabled": false}'),
    python('POST /proxies/p {"enabled": true}'),
  ),
  script(
    'python: toxics',
    python('POST /proxies {"upstream": "$U", "name": "p", "listen": "127.0.0.1:0"}'),
    python(
      'POST /proxies/p/toxics {"name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1.0, "attributes": {"latency": 100}}',
    ),
    python(
      'POST /proxies/p/toxics {"name": "limit", "type": "limit_data", "stream": "upstream", "toxicity": 0.5, "attributes": {}}',
    ),
    python('GET /proxies/p/toxics'),
    python('DELETE /proxies/p/toxics/limit'),
    python('DELETE /proxies/p/toxics/limit'),
    python(
      'POST /proxies/p/toxics {"name": "x", "type": "bandwith", "stream": "downstream", "toxicity": 1.0, "attributes": {}}',
    ),
    python('POST /reset'),
    python('GET /proxies/p/toxics'),
  ),
  script(
    'python: populate destroys what differs',
    python('GET /proxies'),
    python('POST /proxies {"upstream": "$U", "name": "p", "listen": "127.0.0.1:0"}'),
    python('GET /proxies'),
    python('DELETE /proxies/p'),
    python('GET /proxies'),
    python('POST /proxies {"upstream": "127.0.0.1:2", "name": "p", "listen": "127.0.0.1:0"}'),
    python('GET /version'),
  ),
  script(
    'ruby: create, with enabled null',
    ruby('POST /proxies {"upstream":"$U","name":"p","listen":"localhost:0","enabled":null}'),
    ruby('GET /proxies'),
    ruby('DELETE /proxies/p'),
  ),
  script(
    'ruby: populate',
    ruby(
      'POST /populate [{"name":"p","upstream":"$U","listen":"localhost:0"},{"name":"q","upstream":"$U","listen":"localhost:0"}]',
    ),
    ruby('POST /populate [{"name":"p"}]'),
    ruby('GET /proxies'),
  ),
  script(
    'ruby: a down block',
    ruby('POST /proxies {"upstream":"$U","name":"p","listen":"localhost:0","enabled":null}'),
    ruby('GET /version'),
    ruby('PATCH /proxies/p {"enabled":false}'),
    ruby('PATCH /proxies/p {"enabled":true}'),
  ),
  script(
    'ruby: toxics in an apply block',
    ruby('POST /proxies {"upstream":"$U","name":"p","listen":"localhost:0","enabled":null}'),
    ruby(
      'POST /proxies/p/toxics {"name":"latency_upstream","type":"latency","stream":"upstream","toxicity":1.0,"attributes":{"latency":100}}',
    ),
    ruby(
      'POST /proxies/p/toxics {"name":"slicer_downstream","type":"slicer","stream":"downstream","toxicity":1.0,"attributes":{"average_size":64,"size_variation":32,"delay":100}}',
    ),
    ruby('GET /proxies/p/toxics'),
    ruby('DELETE /proxies/p/toxics/latency_upstream'),
    ruby('DELETE /proxies/p/toxics/slicer_downstream'),
  ),
  script(
    'ruby: what it raises for 400, 404, 409',
    ruby('POST /proxies {"upstream":"$U","name":"p","listen":"localhost:0","enabled":null}'),
    ruby('POST /proxies {"upstream":"$U","name":"p","listen":"localhost:0","enabled":null}'),
    ruby('POST /proxies/p/toxics {"name":"x","type":"nope","stream":"downstream","toxicity":1.0,"attributes":{}}'),
    ruby('POST /proxies/q/toxics {"name":"x","type":"noop","stream":"downstream","toxicity":1.0,"attributes":{}}'),
  ),
  script(
    'java: a proxy, and its fields one by one',
    java('POST /proxies {"name":"p","listen":"127.0.0.1:0","upstream":"$U"}'),
    java('POST /proxies/p {"upstream":"127.0.0.1:2"}'),
    java('POST /proxies/p {"enabled":false}'),
    java('POST /proxies/p {"listen":"127.0.0.1:0"}'),
    java('GET /proxies/p'),
    java('GET /proxies'),
    java('DELETE /proxies/p'),
  ),
  script(
    'java: toxics, and their attributes one by one',
    java('POST /proxies {"name":"p","listen":"127.0.0.1:0","upstream":"$U"}'),
    java(
      'POST /proxies/p/toxics {"name":"l","stream":"downstream","toxicity":1.0,"type":"latency","attributes":{"latency":100}}',
    ),
    java('POST /proxies/p/toxics/l {"attributes":{"jitter":15}}'),
    java('POST /proxies/p/toxics/l {"toxicity":0.5}'),
    java(
      'POST /proxies/p/toxics {"name":"s","stream":"upstream","toxicity":1.0,"type":"slow_close","attributes":{"delay":100}}',
    ),
    java(
      'POST /proxies/p/toxics {"name":"r","stream":"upstream","toxicity":1.0,"type":"reset_peer","attributes":{"timeout":0}}',
    ),
    java('GET /proxies/p/toxics/l'),
    java('GET /proxies/p/toxics'),
    java('DELETE /proxies/p/toxics/s'),
  ),
  script(
    'java: the error of a response, read as JSON',
    java('GET /proxies/none'),
    java('POST /proxies {"name":"p","listen":"127.0.0.1:0","upstream":"$U"}'),
    java('POST /proxies {"name":"p","listen":"127.0.0.1:0","upstream":"$U"}'),
    java('POST /proxies/p/toxics {"name":"x","stream":"downstream","toxicity":1.0,"type":"nope","attributes":{}}'),
    java('DELETE /proxies/none'),
  ),
  script('java: reset and version', java('POST /reset'), java('GET /version')),
  script(
    'rust toxiproxy_rust: populate wants every field back',
    rust('POST /populate [{"name":"p","listen":"localhost:0","upstream":"$U","enabled":true,"toxics":[]}]'),
    rust('GET /proxies/p'),
    rust('GET /proxies'),
  ),
  script(
    'rust toxiproxy_rust: apply, then every toxic away',
    rust('POST /populate [{"name":"p","listen":"localhost:0","upstream":"$U","enabled":true,"toxics":[]}]'),
    rust(
      'POST /proxies/p/toxics {"name":"latency_downstream","type":"latency","stream":"downstream","toxicity":1.0,"attributes":{"jitter":0,"latency":2000}}',
    ),
    rust(
      'POST /proxies/p/toxics {"name":"slow_close_upstream","type":"slow_close","stream":"upstream","toxicity":1.0,"attributes":{"delay":5}}',
    ),
    rust(
      'POST /proxies/p/toxics {"name":"limit_data_upstream","type":"limit_data","stream":"upstream","toxicity":1.0,"attributes":{"bytes":5}}',
    ),
    rust('GET /proxies/p/toxics'),
    rust('DELETE /proxies/p/toxics/latency_downstream'),
    rust('DELETE /proxies/p/toxics/slow_close_upstream'),
    rust('DELETE /proxies/p/toxics/limit_data_upstream'),
    rust('POST /proxies/p {"enabled":true}'),
  ),
  script(
    'rust noxious-client: streams in lower case',
    rust('POST /proxies {"name":"p","listen":"127.0.0.1:0","upstream":"$U","enabled":true}'),
    rust('POST /proxies/p {"name":"q","listen":"127.0.0.1:0","upstream":"$U","enabled":true}'),
    rust(
      'POST /proxies/p/toxics {"type":"latency","attributes":{"latency":100,"jitter":0},"name":"t","toxicity":0.6,"stream":"upstream"}',
    ),
    rust(
      'POST /proxies/p/toxics/t {"type":"latency","attributes":{"latency":50,"jitter":5},"name":"t","toxicity":0.6,"stream":"upstream"}',
    ),
    rust('DELETE /proxies/p/toxics/t'),
    rust('POST /proxies/p {"name":"p","listen":"127.0.0.1:0","upstream":"$U","enabled":false}'),
    rust('POST /reset'),
    rust('DELETE /proxies/p'),
  ),
  script(
    'rust noxious-client: errors',
    rust('GET /proxies/none'),
    rust('DELETE /proxies/none'),
    rust('POST /populate [{"name":"","listen":"127.0.0.1:0","upstream":"$U","enabled":true}]'),
  ),
];

type NodeProxy = Awaited<ReturnType<Toxiproxy['createProxy']>>;

/** The Node client itself, a row a call. */
export const NODE: readonly Row[] = [
  node('create', toxiproxy => toxiproxy.createProxy(proxyJson('p'))),
  node('get', toxiproxy => toxiproxy.get('p')),
  node('get of none', toxiproxy => toxiproxy.get('none')),
  node('create again', toxiproxy => toxiproxy.createProxy(proxyJson('p'))),
  node('getAll', async toxiproxy => Object.values(await toxiproxy.getAll()).map(of)),
  node('getVersion', toxiproxy => toxiproxy.getVersion()),
  node('update', async toxiproxy =>
    (await toxiproxy.get('p')).update({ enabled: false, listen: '127.0.0.1:0', upstream: '127.0.0.1:2' }),
  ),
  node('addToxic', async toxiproxy =>
    (await toxiproxy.get('p')).addToxic({ ...TOXIC, attributes: { latency: 100, jitter: 5 } }),
  ),
  node('getToxic', async toxiproxy => (await toxiproxy.get('p')).getToxic('t')),
  node('update of a toxic', async toxiproxy =>
    (await (await toxiproxy.get('p')).getToxic('t')).update({ ...TOXIC, attributes: { latency: 7, jitter: 0 } }),
  ),
  node('addToxic again', async toxiproxy =>
    (await toxiproxy.get('p')).addToxic({ ...TOXIC, attributes: { latency: 1, jitter: 0 } }),
  ),
  node('remove of a toxic', async toxiproxy => (await (await toxiproxy.get('p')).getToxic('t')).remove()),
  node('reset', toxiproxy => toxiproxy.reset()),
  node('populate', async toxiproxy =>
    Object.values(await toxiproxy.populate([proxyJson('p'), proxyJson('q')])).map(of),
  ),
  node('remove', async toxiproxy => {
    for (const proxy of Object.values(await toxiproxy.getAll())) await proxy.remove();
    return Object.keys(await toxiproxy.getAll());
  }),
];

const TOXIC = { name: 't', type: 'latency', stream: 'upstream', toxicity: 0.5 } as const;

function proxyJson(name: string) {
  return { name, listen: '127.0.0.1:0', upstream: '127.0.0.1:1', enabled: true };
}

function of(value: unknown): unknown {
  return typeof (value as NodeProxy | undefined)?.toJson === 'function' ? (value as NodeProxy).toJson() : value;
}

function node(what: string, call: (toxiproxy: Toxiproxy) => Promise<unknown>): Row {
  return {
    name: `node: ${what}`,
    observe: async (column: Column) => {
      const result = await call(new Toxiproxy(column.apiUrl)).catch(error => String(error.message));
      return normalise(JSON.stringify(of(result)) ?? 'nothing', column);
    },
  };
}
