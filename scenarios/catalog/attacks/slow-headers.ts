import { slowClients } from '../../presets/slow-clients.ts';

/** Slowloris against a gateway that allows few connections, under load. */
export default slowClients({
  name: 'slow-headers',
  why: 'A few hundred connections whose request headers never end occupy every connection that a server allows, at almost no cost to the attacker. A deadline for headers must keep connections free for new users.',
  connections: { headers: '800ms', maxConnections: 400 },
  attack: { kind: 'slow-headers', connections: 600, perSecond: 300 },
  safeguard: { name: 'a deadline for headers', keys: ['headers'] },
});
