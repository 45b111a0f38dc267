import { slowClients } from '../../presets/slow-clients.ts';

/** A few slow connections per second for a long time. Scaled: ten times the rate for a tenth of the time, and a smaller pool. */
export default slowClients({
  name: 'low-and-slow',
  why: 'Ten slow requests per second stay below every rate limit and occupy every connection of the pool within minutes. Deadlines must free connections faster than the attack opens them, so that users are still served.',
  covers: ['C6'],
  connections: { headers: '800ms', body: '1.5s', bodyGrace: '600ms', minBodyBytesPerSecond: 1000, maxConnections: 300 },
  attack: { kind: 'low-and-slow', perSecond: 100, interval: '500ms' },
  safeguard: { name: 'deadlines for headers and bodies', keys: ['headers', 'body', 'minBodyBytesPerSecond'] },
});
