import { createHash } from 'node:crypto';
import type { ScriptFunction } from '../../redis/in-memory-redis.ts';

/** Script that reads a decision. `KEYS`: the route. Returns "decidedMs JSON", or an empty string. */
export const GET_DECISION = `return { redis.call('GET', KEYS[1]) or '' }`;

/**
 * Script that notes a decision. `KEYS`: the route; `ARGV`: the decision, and when it was taken, in ms since the epoch (0: now). The later of two stays. Returns
 * when the one that stays was taken.
 */
export const PUT_DECISION = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local decided = tonumber(ARGV[2])
local known = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) ') or 0)
if decided == 0 then decided = math.max(now, known + 1) end
if known >= decided then return { known } end
redis.call('SET', KEYS[1], string.format('%.0f %s', decided, ARGV[1]))
return { decided }`;

/** The scripts as functions with a state of their own, for Redis in memory, by their SHA-1. */
export function decisionFunctions(): ReadonlyMap<string, ScriptFunction> {
  const decisions = new Map<string, string>();
  const get: ScriptFunction = ([route = '']) => [decisions.get(route) ?? ''];
  const put: ScriptFunction = ([route = ''], [decision = '', at = '0'], nowMs) => {
    const knownMs = Number.parseInt(decisions.get(route) ?? '0', 10);
    const decidedMs = Number(at) || Math.max(nowMs, knownMs + 1);
    if (knownMs >= decidedMs) return [knownMs];
    decisions.set(route, `${decidedMs} ${decision}`);
    return [decidedMs];
  };
  const scripts = [
    [GET_DECISION, get],
    [PUT_DECISION, put],
  ] as const;
  return new Map(scripts.map(([lua, run]) => [createHash('sha1').update(lua).digest('hex'), run]));
}
