import { slowClients } from '../slow-clients.ts';

/** Slowloris against a gateway that allows few connections, while users are being served. */
export default slowClients({
  name: 'slow-headers',
  why: 'A few hundred connections whose request headers never end take every connection that a server allows, at next to no cost. Users who arrive meanwhile must be served: a connection whose headers do not finish is closed.',
  connections: { headers: '800ms', maxConnections: 400 },
  attack: { kind: 'slow-headers', connections: 600, perSecond: 300 },
  defence: { what: 'a deadline for headers', keys: ['headers'] },
});
