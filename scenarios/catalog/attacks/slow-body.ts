import { slowClients } from '../../presets/slow-clients.ts';

/** Request bodies sent byte by byte to a gateway that allows few connections, under load. */
export default slowClients({
  name: 'slow-body',
  why: 'A few hundred requests that send their body byte by byte occupy every connection that a server allows, and look like clients on slow links. A deadline and a minimum rate for bodies must keep connections free for new users.',
  connections: { body: '3s', bodyGrace: '600ms', minBodyBytesPerSecond: 1000, maxConnections: 400 },
  attack: { kind: 'slow-body', connections: 600, perSecond: 300 },
  safeguard: { name: 'a deadline and a minimum rate for bodies', keys: ['body', 'minBodyBytesPerSecond'] },
});
