import { slowClients } from '../slow-clients.ts';

/** Bodies that drip in against a gateway whose places for connections are few, while users are being served. */
export default slowClients({
  name: 'slow-body',
  why: 'A few hundred requests that announce a body and send it byte by byte take every place that a server has for connections, and look like slow lines. Users who come meanwhile must be served: a body has its deadline, and a least rate.',
  connections: { body: '3s', bodyGrace: '600ms', minBodyBytesPerSecond: 1000, maxConnections: 400 },
  attack: { kind: 'slow-body', connections: 600, perSecond: 300 },
  defence: { what: 'a deadline and a least rate for bodies', keys: ['body', 'minBodyBytesPerSecond'] },
});
