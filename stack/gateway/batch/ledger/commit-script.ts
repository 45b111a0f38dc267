import { createHash } from 'node:crypto';
import type { ScriptFunction } from '../../../redis/in-memory-redis.ts';
import type { Check, Command } from './ledger.ts';

/**
 * Script of a commit. `KEYS`: those of the commands, each once; `ARGV`: the number of checks, and each as what is expected and a command, then the
 * number of commands, and each. A command is the number of its words, its name, the number of its key, and its further words. Returns 1, or 0
 * where a check does not hold; then nothing was changed. Not for Redis Cluster: the keys are in different slots.
 */
export const COMMIT_SCRIPT = `
local at = 0
local function word() at = at + 1 return ARGV[at] end
local function run()
  local words, count = {}, tonumber(word())
  for i = 1, count do words[i] = word() end
  words[2] = KEYS[tonumber(words[2])]
  return redis.call(unpack(words))
end
for _ = 1, tonumber(word()) do
  local expected = word()
  if tostring(run() or '') ~= expected then return { 0 } end
end
for _ = 1, tonumber(word()) do run() end
return { 1 }`;

/** `KEYS` and `ARGV` of a commit. */
export function commitWords(
  checks: readonly Check[],
  commands: readonly Command[],
): { readonly keys: string[]; readonly values: string[] } {
  const keys: string[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (key: string) => {
    const known = numbers.get(key) ?? keys.push(key);
    numbers.set(key, known);
    return known;
  };
  const wordsOf = ([name, key, ...words]: Command) => [words.length + 2, name, numberOf(key), ...words].map(String);
  const values = [
    ...[String(checks.length), ...checks.flatMap(([expected, ...command]) => [expected, ...wordsOf(command)])],
    ...[String(commands.length), ...commands.flatMap(wordsOf)],
  ];
  return { keys, values };
}

/** The script as a function, for Redis in memory, by its SHA-1. */
export function commitFunctions(): ReadonlyMap<string, ScriptFunction> {
  const commit: ScriptFunction = (keys, values, _nowMs, call) => {
    let at = 0;
    const word = () => values[at++]!;
    const run = () => {
      const [name = '', key = '', ...words] = Array.from({ length: Number(word()) }, word);
      return call(name, keys[Number(key) - 1]!, ...words);
    };
    for (let left = Number(word()); left > 0; left -= 1) {
      const expected = word();
      if (String(run() ?? '') !== expected) return [0];
    }
    for (let left = Number(word()); left > 0; left -= 1) run();
    return [1];
  };
  return new Map([[createHash('sha1').update(COMMIT_SCRIPT).digest('hex'), commit]]);
}
