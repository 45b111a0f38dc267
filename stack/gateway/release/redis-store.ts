import type { Result } from 'ioredis';
import type { Network } from '../../../harness/host/network.ts';
import { redisClient } from '../../redis/connector.ts';
import type { ReleaseConfig } from './config.ts';
import { type DecisionStore, decisionText, readDecision } from './decision.ts';
import { GET_DECISION, PUT_DECISION } from './store-scripts.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    getDecision(keyCount: 1, route: string): Result<string[], Context>;
    putDecision(keyCount: 1, route: string, decision: string, decidedMs: number): Result<number[], Context>;
  }
}

/** Decisions in Redis, by a client that fails at once without a connection, see {@link redisClient}. */
export function redisDecisions(
  { url, keyPrefix }: NonNullable<ReleaseConfig['redis']>,
  network: Network,
): DecisionStore {
  const scripts = { getDecision: { lua: GET_DECISION }, putDecision: { lua: PUT_DECISION } };
  const redis = redisClient(url, network, { keyPrefix, scripts });
  return {
    open: () => void redis.connect().catch(() => {}),
    get: async model => readDecision((await redis.getDecision(1, model))[0] ?? ''),
    put: async (model, decision, decidedMs = 0) =>
      (await redis.putDecision(1, model, decisionText(decision), decidedMs))[0]!,
    reconnect: () => redis.disconnect(true),
    close: () => redis.disconnect(),
  };
}
