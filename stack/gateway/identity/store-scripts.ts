import { createHash } from 'node:crypto';
import type { ScriptFunction } from '../../redis/in-memory-redis.ts';
import type { Revocation, RevocationList } from './shared-store.ts';

/** Script that notes the use of a proof. `KEYS`: the proof; `ARGV`: its life in ms. Returns 1 for the first use, else 0. */
export const USE_SCRIPT = `
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return { 1 } end
return { 0 }`;

/**
 * Script that notes a revocation. `KEYS`: the hash of all; `ARGV`: id, 1 or 0 for revoked or not, until when it matters, when it was decided
 * (0: now). The later of two decisions stays. Returns when the one that stays was decided.
 *
 * The hash has a field `e:ID` for each, "revoked until decided", and a field `version`, which begins with the time and grows, so that it differs
 * after a loss of all data too. Times are in ms since the epoch, below 2^53.
 */
export const PUT_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local field, decided = 'e:' .. ARGV[1], tonumber(ARGV[4])
local known = string.match(redis.call('HGET', KEYS[1], field) or '', '(%d+)$')
if decided == 0 then decided = math.max(now, tonumber(known or 0) + 1) end
if known and tonumber(known) >= decided then return { tonumber(known) } end
redis.call('HSET', KEYS[1], field, string.format('%s %s %.0f', ARGV[2], ARGV[3], decided))
redis.call('HSETNX', KEYS[1], 'version', string.format('%.0f', now * 1000))
redis.call('HINCRBY', KEYS[1], 'version', 1)
return { decided }`;

/** Script that lists revocations. `KEYS`: the hash; `ARGV`: the known version. Returns the version, then id and value of each if that differs. */
export const LIST_SCRIPT = `
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version == ARGV[1] then return { version } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local result, all = { version }, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'e:' then
    if tonumber(string.match(all[i + 1], '^%d+ (%d+)')) < now then redis.call('HDEL', KEYS[1], all[i])
    else
      result[#result + 1] = string.sub(all[i], 3)
      result[#result + 1] = all[i + 1]
    end
  end
end
return result`;

/** What a reply of {@link LIST_SCRIPT} says. @param known version that it was asked with */
export function revocationsOf([version = '0', ...fields]: readonly string[], known: string): RevocationList {
  if (version === known) return { version, entries: undefined };
  const entries = new Map<string, Revocation>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [revoked, untilMs, decidedMs] = fields[at + 1]!.split(' ').map(Number);
    entries.set(fields[at]!, { isRevoked: revoked === 1, untilMs: untilMs!, decidedMs: decidedMs! });
  }
  return { version, entries };
}

/** Proofs that Redis in memory keeps before it looks for those that have expired. */
const SWEEP_AT = 10_000;

/** The scripts as functions with a state of their own, for Redis in memory, by their SHA-1. */
export function storeFunctions(): ReadonlyMap<string, ScriptFunction> {
  const proofs = new Map<string, number>();
  const hashes = new Map<string, { version: number; readonly entries: Map<string, string> }>();
  const use: ScriptFunction = ([proof = ''], [ttlMs = '0'], nowMs) => {
    if ((proofs.get(proof) ?? 0) > nowMs) return [0];
    if (proofs.size >= SWEEP_AT) for (const [old, untilMs] of proofs) if (untilMs <= nowMs) proofs.delete(old);
    proofs.set(proof, nowMs + Number(ttlMs));
    return [1];
  };
  const put: ScriptFunction = ([name = ''], [id = '', revoked = '', until = '', decided = '0'], nowMs) => {
    const hash = hashes.get(name) ?? { version: nowMs * 1000, entries: new Map() };
    const known = hash.entries.get(id);
    const knownMs = known === undefined ? undefined : Number(known.split(' ')[2]);
    const decidedMs = Number(decided) || Math.max(nowMs, (knownMs ?? 0) + 1);
    if (knownMs !== undefined && knownMs >= decidedMs) return [knownMs];
    hash.entries.set(id, `${revoked} ${until} ${decidedMs}`);
    hash.version += 1;
    hashes.set(name, hash);
    return [decidedMs];
  };
  const list: ScriptFunction = ([name = ''], [known = ''], nowMs) => {
    const { version = 0, entries = new Map<string, string>() } = hashes.get(name) ?? {};
    if (String(version) === known) return [String(version)];
    for (const [id, value] of entries) if (Number(value.split(' ')[1]) < nowMs) entries.delete(id);
    return [String(version), ...[...entries].flat()];
  };
  const scripts: readonly (readonly [string, ScriptFunction])[] = [
    [USE_SCRIPT, use],
    [PUT_SCRIPT, put],
    [LIST_SCRIPT, list],
  ];
  return new Map(scripts.map(([lua, run]) => [createHash('sha1').update(lua).digest('hex'), run]));
}
