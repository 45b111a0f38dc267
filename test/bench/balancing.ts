import { Registry } from 'prom-client';
import { seededRandom } from '../../harness/random.ts';
import { balancerSchema } from '../../stack/gateway/balancing/config.ts';
import { createBalancer } from '../../stack/gateway/balancing/create-balancer.ts';
import { chat, replicas } from '../stack/gateway/balancing/candidates.ts';

const POLICIES = [
  'least-connections',
  'round-robin',
  { policy: 'weighted', weights: { a1: 3 } },
  { policy: 'ip-hash' },
  { policy: 'session-hash' },
  { policy: 'least-queue' },
  { policy: 'least-kv' },
  { policy: 'prefix' },
] as const;
const COUNTS = [3, 20, 200];
/** Conversations that take turns. */
const CONVERSATIONS = 500;
/** Length of a prompt, in bytes; the prefix policy looks at all of it. */
const PROMPT_BYTES = 4000;
const ROUNDS = 5;

/** Processor time of one pick, in nanoseconds: the median of several rounds, for each policy and each number of upstreams. */
export function balancingBench(forMs = 200): Record<string, string | number>[] {
  return POLICIES.map(input => {
    const name = typeof input === 'string' ? input : input.policy;
    const times = COUNTS.map(count => [`${count} upstreams (ns)`, pickNs(input, count, forMs)] as const);
    return { policy: name, ...Object.fromEntries(times) };
  });
}

function pickNs(input: (typeof POLICIES)[number], count: number, forMs: number): number {
  const random = seededRandom(1);
  const addressOf = () => `10.0.0.${random.integer(1, 250)}`;
  const pick = createBalancer(balancerSchema.parse(input), { random, registry: new Registry(), addressOf });
  const candidates = replicas(...Array.from({ length: count }, () => random.integer(0, 8)));
  for (const one of candidates)
    one.report = { atMs: 0, inFlight: one.inFlight, requests: random.integer(0, 9), kvRatio: random.next() };
  const exchanges = Array.from({ length: CONVERSATIONS }, (_, nth) =>
    chat(
      { model: 'm', messages: [{ role: 'user', content: `conversation ${nth} `.padEnd(PROMPT_BYTES, `${nth} `) }] },
      { 'x-session-id': `session-${nth}` },
    ),
  );
  const round = () => {
    let picks = 0;
    let spentUs = 0;
    const before = process.cpuUsage();
    while (spentUs < forMs * 1000) {
      for (let each = 0; each < 500; each += 1) {
        const picked = pick(candidates, exchanges[picks % CONVERSATIONS]!, 0);
        picked.inFlight = (picked.inFlight + 1) % 9;
        picks += 1;
      }
      spentUs = process.cpuUsage(before).user;
    }
    return (spentUs * 1000) / picks;
  };
  round();
  const rounds = Array.from({ length: ROUNDS }, round).sort((a, b) => a - b);
  return Math.round(rounds[Math.floor(ROUNDS / 2)]!);
}
