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
    [{ upstreams, balancer: 'random' }, '`balancer`: expected least-connections, round-robin, or an object'],
    [{ upstreams, balancer: { policy: 'random' } }, '`balancer.policy`: expected one of weighted, ip-hash'],
    [{ upstreams, balancer: { policy: 'weighted', weights: { a: -1 } } }, '`balancer.weights.a`: Too small'],
    [{ upstreams, balancer: { policy: 'weighted', weights: { b: 1 } } }, '`balancer.weights.b`: expected one of a'],
    [{ upstreams, balancer: { policy: 'least-kv', maxAgeMs: 60 } }, '`balancer.maxAgeMs`: must be at least'],
    [{ upstreams, balancer: { policy: 'ip-hash', maxLoad: 0.5 } }, '`balancer.maxLoad`: Too small'],
    [{ upstreams, balancer: { policy: 'prefix', blocks: 1 } }, 'unknown key `balancer.blocks`'],
    [{ upstreams, audit: {} }, '`audit.folder`'],
    [{ upstreams, audit: { folder: 'audit' } }, '`audit.folder`: must be an absolute path'],
    [{ upstreams, audit: { folder: '/a', keepDays: 0 } }, '`audit.keepDays`'],
    [{ upstreams, guard: { maxPromptChars: 1 } }, 'unknown key `guard.maxPromptChars`'],
    [{ upstreams, guard: { redact: ['phone', 'name'] } }, '`guard.redact.1`'],
    [{ upstreams, guard: { computeMs: 0 } }, '`guard.computeMs`'],
    [{ upstreams, guard: { maxTokens: 0 } }, '`guard.maxTokens`'],
    [{ upstreams, guard: { watermark: { header: 'Content-Length' } } }, '`guard.watermark.header`: must begin with x-'],
    [{ upstreams, guard: { watermark: { value: 'a\r\nb: c' } } }, '`guard.watermark.value`'],
    [{ upstreams: [{ name: 'a', url: 'ftp://x' }] }, '`upstreams.0.url`'],
    [{ upstreams: [...upstreams, ...upstreams] }, 'unique names'],
    [{ upstreams, apiKeyHashes: ['secret'] }, 'SHA-256'],
    [{}, '`upstreams`'],
    [
      { upstreams, identity: { keys: { from: 'hsm' } } },
      '`identity.keys.from`: expected one of environment, file, vault',
    ],
    [{ upstreams, identity: { keys: {} } }, '`identity.keys.from`: expected one of environment, file, vault'],
    [{ upstreams, identity: { keys: { from: 'file' } } }, '`identity.keys.path`'],
    [{ upstreams, identity: { keys: { from: 'vault', url: 'vault', key: 'k' } } }, '`identity.keys.url`'],
    [{ upstreams, identity: { tokenLifeMs: 0 } }, '`identity.tokenLifeMs`: Too small: expected number to be >=1000'],
    [{ upstreams, identity: { pollMs: 1000 } }, '`identity.pollMs`: Too big'],
    [{ upstreams, identity: { networks: ['10.0.0.0/33'] } }, '`identity.networks.0`: must be an IP address'],
    [{ upstreams, identity: { networks: ['fd00::/129'] } }, '`identity.networks.0`: must be an IP address'],
    [
      { upstreams, identity: { clients: { a: { sha256: 'a'.repeat(64), networks: ['x'] } } } },
      '`identity.clients.a.networks.0`',
    ],
    [
      { upstreams, identity: { clients: { a: { sha256: 'secret' } } } },
      '`identity.clients.a.sha256`: must be a SHA-256',
    ],
    [
      { upstreams, identity: { clients: { a: { sha256: 'a'.repeat(64) }, b: { sha256: 'A'.repeat(64) } } } },
      '`identity.clients`',
    ],
    [{ upstreams, identity: { origins: ['https://llm.example/v1'] } }, '`identity.origins.0`: must be an origin'],
    [{ upstreams, identity: { bearer: 'yes' } }, '`identity.bearer`'],
    [{ upstreams, identity: { tokenLife: 1 } }, 'unknown key `identity.tokenLife`'],
    [{ upstreams, admin: { listen: 'here' } }, '`admin.listen`: must be HOST:PORT'],
  ])('%j', (input, message) => {
    expect(() => parse(input)).toThrow(message);
  });

  test.each(['', 'nonsense', undefined])('text %j', text => {
    expect(() => parseGatewayConfig(text)).toThrow('GATEWAY_CONFIG');
  });
});
