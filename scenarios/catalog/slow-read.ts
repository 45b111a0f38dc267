import { slowClients } from '../slow-clients.ts';

/** Large answers that nobody reads against a gateway whose places for connections are few, while users are being served. */
export default slowClients({
  name: 'slow-read',
  why: 'A few clients that ask for answers of many megabytes and do not read them take a place and memory at each hop on the way, for as long as they like. Users who come meanwhile must be served: whoever does not take its bytes has to leave.',
  connections: { send: '800ms', maxConnections: 48 },
  // Answers of 17 MB: the kernels' buffers on the way take up to 10.
  attack: { kind: 'slow-read', request: 'prompt-logprobs', promptTokens: 12_288, perSecond: 4 },
  defence: { what: 'a deadline for clients that take none of their bytes', keys: ['send'] },
  // Each of these prompts keeps a replica's other users waiting for 0.2 s.
  replicas: 4,
  users: ['12/s', '40/s'],
  workload: { name: 'chat-even', promptTokens: [32, 128], outputTokens: [32, 64] },
  // It takes long to fill every place.
  seconds: [10, 20, 27],
});
