import { createHash } from 'node:crypto';
import type { ScriptFunction } from '../../redis/in-memory-redis.ts';
import { COUNTS } from './ledger.ts';

/** How long Redis remembers the last number of a gateway, in ms: longer than an outage, after which it sends that number again. */
export const SENDER_TTL_MS = 7 * 86_400_000;
/** Values of one settlement in `ARGV`: reservation, its amount, period, model, and the counts. */
export const VALUES = 4 + COUNTS.length;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** Begins a new period where the last one is over. The hash has the fields `window`, `used` and `reserved`. */
const ROLL = `
local function roll(quota, held, period)
  local window = string.format('%.0f', math.floor(now / period))
  if redis.call('HGET', quota, 'window') ~= window then redis.call('HSET', quota, 'window', window, 'used', '0') end
  local ttl = string.format('%.0f', 2 * period + 86400000)
  redis.call('PEXPIRE', quota, ttl)
  redis.call('PEXPIRE', held, ttl)
end`;

/**
 * Script that reserves credits. `KEYS`: the caller's quota, a hash, and its reservations, a sorted set of `ID:AMOUNT` by the time at which they expire; `ARGV`:
 * id (empty: only looks), amount, limit, period and life in ms. Returns granted (1 or 0), used, reserved, and the time until the next period.
 */
export const RESERVE_SCRIPT = `${NOW}${ROLL}
local amount, limit, period = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
roll(KEYS[1], KEYS[2], period)
local used = tonumber(redis.call('HGET', KEYS[1], 'used'))
local reserved = tonumber(redis.call('HGET', KEYS[1], 'reserved') or '0')
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  reserved = reserved - tonumber(string.match(member, ':(%d+)$'))
  redis.call('ZREM', KEYS[2], member)
end
local granted = 0
if used + reserved + amount <= limit then granted = 1 end
if granted == 1 and ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[5])), ARGV[1] .. ':' .. ARGV[2])
  reserved = reserved + amount
end
redis.call('HSET', KEYS[1], 'reserved', string.format('%.0f', reserved))
return { granted, used, reserved, (math.floor(now / period) + 1) * period - now }`;

/**
 * Script that adds usage once. `KEYS`: the last number of the sender, then quota, reservations and usage of a day for each settlement; `ARGV`: the number, the lives of
 * the number and of usage, then the values of each. Returns 1, or 0 if the number is not a new one.
 */
export const SETTLE_SCRIPT = `${NOW}${ROLL}
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return { 0 } end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local names = { ${COUNTS.map(name => `'${name} '`).join(', ')} }
for nth = 0, (#KEYS - 1) / 3 - 1 do
  local quota, held, usage, at = KEYS[3 * nth + 2], KEYS[3 * nth + 3], KEYS[3 * nth + 4], ${VALUES} * nth + 3
  local id, amount, period = ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  if period > 0 then
    if id ~= '' and redis.call('ZREM', held, id .. ':' .. amount) == 1 and amount ~= '0' then
      redis.call('HINCRBY', quota, 'reserved', '-' .. amount)
    end
    roll(quota, held, period)
    redis.call('HINCRBY', quota, 'used', ARGV[at + ${VALUES}])
  end
  for field = 1, #names do
    local count = ARGV[at + 4 + field]
    if count ~= '0' then redis.call('HINCRBY', usage, names[field] .. ARGV[at + 4], count) end
  end
  redis.call('PEXPIRE', usage, ARGV[3])
end
return { 1 }`;

/** Script that reads usage. `KEYS`: days. Returns, for each count, the index of its day from 0, its name with the model, and the value. */
export const USAGE_SCRIPT = `
local result = {}
for day = 1, #KEYS do
  local all = redis.call('HGETALL', KEYS[day])
  for i = 1, #all, 2 do
    result[#result + 1] = day - 1
    result[#result + 1] = all[i]
    result[#result + 1] = tonumber(all[i + 1])
  end
end
return result`;

interface Quota {
  window: number;
  used: number;
  reserved: number;
  /** Expiry of each reservation, `ID:AMOUNT`. */
  readonly held: Map<string, number>;
}

/** The scripts as functions with a state of their own, for Redis in memory, by their SHA-1. */
export function ledgerFunctions(): ReadonlyMap<string, ScriptFunction> {
  const quotas = new Map<string, Quota>();
  const days = new Map<string, { untilMs: number; readonly counts: Map<string, number> }>();
  const senders = new Map<string, number>();
  const rolled = (name: string, periodMs: number, nowMs: number): Quota => {
    const quota = quotas.get(name) ?? { window: -1, used: 0, reserved: 0, held: new Map() };
    quotas.set(name, quota);
    const window = Math.floor(nowMs / periodMs);
    if (quota.window !== window) Object.assign(quota, { window, used: 0 });
    return quota;
  };
  const reserve: ScriptFunction = ([name = ''], [id = '', ...numbers], nowMs) => {
    const [amount = 0, limit = 0, periodMs = 0, ttlMs = 0] = numbers.map(Number);
    const quota = rolled(name, periodMs, nowMs);
    for (const [member, untilMs] of quota.held)
      if (untilMs <= nowMs) {
        quota.held.delete(member);
        quota.reserved -= Number(member.split(':')[1]);
      }
    const isGranted = quota.used + quota.reserved + amount <= limit;
    if (isGranted && id !== '') {
      quota.held.set(`${id}:${amount}`, nowMs + ttlMs);
      quota.reserved += amount;
    }
    return [isGranted ? 1 : 0, quota.used, quota.reserved, (quota.window + 1) * periodMs - nowMs];
  };
  const settle: ScriptFunction = ([sender = '', ...keys], [number = '', , keepMs = '', ...values], nowMs) => {
    if ((senders.get(sender) ?? 0) >= Number(number)) return [0];
    senders.set(sender, Number(number));
    for (let nth = 0; 3 * nth < keys.length; nth += 1) {
      const [id = '', amount = '', period = '', model = '', ...counts] = values.slice(nth * VALUES, (nth + 1) * VALUES);
      const [quotaName = '', , dayName = ''] = keys.slice(3 * nth, 3 * nth + 3);
      if (period !== '0') {
        const quota = rolled(quotaName, Number(period), nowMs);
        if (quota.held.delete(`${id}:${amount}`)) quota.reserved -= Number(amount);
        quota.used += Number(counts.at(-1));
      }
      const day = days.get(dayName) ?? { untilMs: 0, counts: new Map<string, number>() };
      days.set(dayName, day);
      day.untilMs = nowMs + Number(keepMs);
      for (const [at, name] of COUNTS.entries())
        if (counts[at] !== '0') {
          const field = `${name} ${model}`;
          day.counts.set(field, (day.counts.get(field) ?? 0) + Number(counts[at]));
        }
    }
    return [1];
  };
  const usage: ScriptFunction = (keys, _values, nowMs) =>
    keys.flatMap((name, index) => {
      const day = days.get(name);
      if (!day || day.untilMs <= nowMs) return [];
      return [...day.counts].flatMap(([field, value]) => [index, field, value]);
    });
  const scripts: readonly (readonly [string, ScriptFunction])[] = [
    [RESERVE_SCRIPT, reserve],
    [SETTLE_SCRIPT, settle],
    [USAGE_SCRIPT, usage],
  ];
  return new Map(scripts.map(([lua, run]) => [createHash('sha1').update(lua).digest('hex'), run]));
}
