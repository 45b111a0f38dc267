import type { IncomingMessage } from 'node:http';
import { Counter, type Registry } from 'prom-client';
import type { Random } from '../../../harness/random.ts';
import { hashText } from '../../block-hash.ts';
import { addressKey } from '../connections/addresses.ts';
import type { Exchange } from '../http/exchange.ts';
import { type Balancer, leastConnections, type OnPick, roundRobin } from './balancer.ts';
import type { BalancerConfig } from './config.ts';
import { hashed } from './hashed.ts';
import { leastReported } from './load-report.ts';
import { prefixAware } from './prefix.ts';
import { weighted } from './weighted.ts';

interface BalancerParts {
  readonly random: Random;
  /** Gets a counter of picks by what decided them, if the policy has several reasons. */
  readonly registry: Registry;
  /** Address of a request's client. */
  readonly addressOf: (request: IncomingMessage) => string | undefined;
}

/** Balancer of the configured policy. Policies that cannot decide leave it to least connections. */
export function createBalancer(config: BalancerConfig, { random, registry, addressOf }: BalancerParts): Balancer {
  if (config === 'round-robin') return roundRobin();
  const fallback = leastConnections(random);
  if (config === 'least-connections') return fallback;
  if (config.policy === 'weighted') return weighted(config.weights);
  const onPick = countPicks(registry);
  switch (config.policy) {
    case 'ip-hash':
      return hashed({ ...config, keyOf: exchange => addressHash(addressOf(exchange.request)), fallback, onPick });
    case 'session-hash':
      return hashed({ ...config, keyOf: exchange => headerHash(exchange, config.header), fallback, onPick });
    case 'least-queue':
      return leastReported({ by: 'requests', maxAgeMs: config.maxAgeMs, fallback, onPick });
    case 'least-kv':
      return leastReported({ by: 'kvRatio', maxAgeMs: config.maxAgeMs, fallback, onPick });
    case 'prefix':
      return prefixAware({ ...config, seed: random.integer(0, 0xffff_ffff), fallback, onPick });
  }
}

function addressHash(address: string | undefined): number | undefined {
  return address === undefined ? undefined : hashText(addressKey(address));
}

function headerHash({ request }: Exchange, name: string): number | undefined {
  const value = request.headers[name];
  return value === undefined || value === '' ? undefined : hashText(String(value));
}

function countPicks(registry: Registry): OnPick {
  const picks = new Counter({
    name: 'gateway_balancer_picks_total',
    help: 'Picks of an upstream by what decided them',
    labelNames: ['reason'],
    registers: [registry],
  });
  const known = new Map<string, Counter.Internal>();
  return reason => {
    const counter = known.get(reason) ?? picks.labels(reason);
    known.set(reason, counter);
    counter.inc();
  };
}
