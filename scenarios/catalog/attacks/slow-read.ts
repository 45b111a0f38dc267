import { slowClients } from '../../presets/slow-clients.ts';

/** Large responses that clients do not read, from a gateway that allows few connections, under load. */
export default slowClients({
  name: 'slow-read',
  why: 'Clients that request responses of many megabytes and do not read them hold a connection and memory at every hop for as long as they like. A deadline for stalled writes must keep connections free for new users.',
  connections: { send: '800ms', maxConnections: 32 },
  // Responses of 34 MB: socket buffers on the path absorb up to 10 MB, and with containers, whose ports are forwarded, more than 17 MB.
  attack: { kind: 'slow-read', request: 'prompt-logprobs', promptTokens: 24_576, perSecond: 2 },
  safeguard: { name: 'a deadline for stalled writes', keys: ['send'] },
  // Each of these prompts delays the other users of its replica by 0.4 s.
  replicas: 4,
  rates: ['12/s', '40/s'],
  workload: { name: 'chat-even', promptTokens: [32, 128], outputTokens: [32, 64] },
  // At 2 connections per second the pool fills slowly.
  seconds: [10, 20, 27],
});
