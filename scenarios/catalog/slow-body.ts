import { slowClients } from '../slow-clients.ts';

/** Bodies that drip in against a gateway that allows few connections, while users are being served. */
export default slowClients({
  name: 'slow-body',
  why: 'A few hundred requests that announce a body and send it byte by byte take every connection that a server allows, and look like clients on slow links. Users who arrive meanwhile must be served: a body has a deadline and a minimum rate.',
  connections: { body: '3s', bodyGrace: '600ms', minBodyBytesPerSecond: 1000, maxConnections: 400 },
  attack: { kind: 'slow-body', connections: 600, perSecond: 300 },
  defence: { what: 'a deadline and a minimum rate for bodies', keys: ['body', 'minBodyBytesPerSecond'] },
});
