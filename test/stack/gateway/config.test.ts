import { describe, expect, test } from 'vitest';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../stack/gateway/config.ts';

const upstreams = [{ name: 'a', url: 'http://127.0.0.1:8000' }];
const parse = (input: object) => parseGatewayConfig(JSON.stringify(input));

test('only upstreams are required', () => {
  const config = parse({ upstreams } satisfies GatewayConfigInput);
  expect(config).toMatchObject({
    balancer: 'least-connections',
    healthChecks: { path: '/readyz', intervalMs: 1000, timeoutMs: 500 },
    ejection: { consecutiveFailures: 3, baseMs: 2000, maxEjectedRatio: 0.5 },
    retries: { maxRetries: 3, budgetRatio: 0.2 },
    timeouts: { connectMs: 1000, firstByteMs: 10_000, idleMs: 10_000 },
    maxBodyBytes: 1_048_576,
  });
});

test.each([
  ['off', 0],
  [0, 0],
  [2, 2],
  [{ maxRetries: 1, baseDelayMs: 1000 }, 1],
])('retries %j means at most %i', (retries, max) => {
  expect(parse({ upstreams, retries }).retries.maxRetries).toBe(max);
});

test('connection limits apply unless turned off, one by one or all, and survive a second parse', () => {
  expect(parse({ upstreams }).connections).toMatchObject({ headersMs: 10_000, sendMs: 30_000, maxConnections: 16_384 });
  expect(parse({ upstreams, connections: { sendMs: 'off' } }).connections).toMatchObject({
    headersMs: 10_000,
    sendMs: 'off',
  });
  const { connections } = parse({ upstreams, connections: 'off' });
  const limits = Object.entries(connections).filter(([name]) => /^(max|min|headersMs|bodyMs|sendMs|keep)/.test(name));
  expect(limits).toHaveLength(10);
  expect(new Set(limits.map(([, limit]) => limit))).toEqual(new Set(['off']));
  expect(parse({ upstreams, connections }).connections).toEqual(connections);
});

describe('an error names the setting', () => {
  test.each([
    [{ upstreams, balancr: 1 }, 'unknown key `balancr`'],
    [{ upstreams, timeouts: { conectMs: 1 } }, 'unknown key `timeouts.conectMs`'],
    [{ upstreams, ejection: { base: 1 } }, 'unknown key `ejection.base`'],
    [{ upstreams, connections: { headerMs: 1 } }, 'unknown key `connections.headerMs`'],
    [{ upstreams, connections: { exempt: ['proxy'] } }, '`connections.exempt.0`: must be an IP address'],
    [{ upstreams, retries: { maxRetries: 1, budget: 1 } }, 'unknown key `retries.budget`'],
    [{ upstreams, healthChecks: { timeoutMs: -1 } }, '`healthChecks.timeoutMs`'],
    [{ upstreams: [{ name: 'a', url: 'ftp://x' }] }, '`upstreams.0.url`'],
    [{ upstreams: [...upstreams, ...upstreams] }, 'unique names'],
    [{ upstreams, apiKeyHashes: ['secret'] }, 'SHA-256'],
    [{}, '`upstreams`'],
  ])('%j', (input, message) => {
    expect(() => parse(input)).toThrow(message);
  });

  test.each(['', 'nonsense', undefined])('text %j', text => {
    expect(() => parseGatewayConfig(text)).toThrow('GATEWAY_CONFIG');
  });
});
