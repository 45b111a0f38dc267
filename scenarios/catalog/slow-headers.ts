import { slowClients } from '../slow-clients.ts';

/** Slowloris against a gateway whose places for connections are few, while users are being served. */
export default slowClients({
  name: 'slow-headers',
  why: 'A few hundred connections whose request headers never end take every place that a server has for connections, at next to no cost. Users who come meanwhile must be served: whoever does not finish its headers has to leave.',
  connections: { headers: '800ms', maxConnections: 400 },
  attack: { kind: 'slow-headers', connections: 600, perSecond: 300 },
  defence: { what: 'a deadline for headers', keys: ['headers'] },
});
