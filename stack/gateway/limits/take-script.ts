import type { BucketRule } from './bucket.ts';

const SERVER_CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * Lua script of `take` in `bucket.ts`, one atomic step in Redis. It uses the server's clock, so that gateways need no synchronized
 * clocks. `KEYS`: one bucket each; `ARGV`: limit, periodMs and burst of each. Returns allowed (1 or 0), then the units left in each.
 *
 * A bucket is the string "level atMs", which expires a second after the bucket would be full. Numbers are doubles in Lua as in
 * JavaScript, and all values are integers below 2^53; `%.0f` prints them exactly, where Lua's `tostring` would round.
 * Not for Redis Cluster: the keys of one call are in different slots.
 * @param clock Lua that sets `now`, for tests
 */
export function takeScript(clock: string = SERVER_CLOCK): string {
  return `${clock}
local levels, latest, allowed = {}, {}, 1
for i = 1, #KEYS do
  local limit, period, burst = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local level, at = string.match(redis.call('GET', KEYS[i]) or '', '^(%d+) (%d+)$')
  levels[i], latest[i] = burst * period, now
  if level then
    latest[i] = tonumber(at)
    levels[i] = math.min(levels[i], tonumber(level) + math.max(0, now - latest[i]) * limit)
  end
  if levels[i] < period then allowed = 0 end
end
local result = { allowed }
for i = 1, #KEYS do
  local limit, period, burst = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  if allowed == 1 then levels[i] = levels[i] - period end
  if allowed == 1 or latest[i] > now then
    local ttl = math.ceil((burst * period - levels[i]) / limit) + 1000
    redis.call('SET', KEYS[i], string.format('%.0f %.0f', levels[i], now), 'PX', string.format('%.0f', ttl))
  end
  result[i + 1] = levels[i]
end
return result`;
}

/** `ARGV` of the script for `rules`, in their order. */
export function scriptArguments(rules: readonly BucketRule[]): number[] {
  return rules.flatMap(({ limit, periodMs, burst }) => [limit, periodMs, burst]);
}
