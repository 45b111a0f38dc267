import { slowClients } from '../slow-clients.ts';

/** Large answers that nobody reads against a gateway that allows few connections, while users are being served. */
export default slowClients({
  name: 'slow-read',
  why: 'A few clients that request responses of many megabytes and do not read them hold a connection and memory at each hop, for as long as they like. Users who arrive meanwhile must be served: a connection that does not drain is closed.',
  connections: { send: '800ms', maxConnections: 48 },
  // Answers of 17 MB: the kernels' buffers on the way take up to 10.
  attack: { kind: 'slow-read', request: 'prompt-logprobs', promptTokens: 12_288, perSecond: 4 },
  defence: { what: 'a deadline for clients that read nothing', keys: ['send'] },
  // Each of these prompts keeps a replica's other users waiting for 0.2 s.
  replicas: 4,
  users: ['12/s', '40/s'],
  workload: { name: 'chat-even', promptTokens: [32, 128], outputTokens: [32, 64] },
  // It takes long to fill every place.
  seconds: [10, 20, 27],
});
