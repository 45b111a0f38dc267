import { slowClients } from '../slow-clients.ts';

/** Few slow connections a second, for a long time, scaled: ten times the rate for a tenth of the time, and a pool to match. */
export default slowClients({
  name: 'low-and-slow',
  why: 'Ten slow requests a second are below every rate limit, and within minutes they hold every connection of the pool. Users must still be served: deadlines free connections faster than the attack takes them.',
  covers: ['C6'],
  connections: { headers: '800ms', body: '1.5s', bodyGrace: '600ms', minBodyBytesPerSecond: 1000, maxConnections: 300 },
  attack: { kind: 'low-and-slow', perSecond: 100, interval: '500ms' },
  defence: { what: 'deadlines for headers and bodies', keys: ['headers', 'body', 'minBodyBytesPerSecond'] },
});
