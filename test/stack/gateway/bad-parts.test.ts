import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { thisMachine } from '../../../harness/host/network.ts';
import { seededRandom } from '../../../harness/random.ts';
import { compileScenario } from '../../../scenarios/compile.ts';
import { withKeys } from '../../../scenarios/input/gateway.ts';
import { validateScenario } from '../../../scenarios/validate.ts';
import { gatewayConfigSchema, parseGatewayConfig } from '../../../stack/gateway/config.ts';
import { serveGateway } from '../../../stack/gateway/serve.ts';
import { stackOptionsSchema } from '../../../stack/options.ts';
import { BAD_PARTS } from './fixtures/bad-parts.ts';

const upstreams = [{ name: 'a', url: 'http://127.0.0.1:8000' }];
const own = Object.entries(BAD_PARTS).flatMap(([part, bad]) =>
  bad.own.map(([settings, field]) => [part, settings, field] as const),
);
const inFiles = Object.entries(BAD_PARTS).flatMap(([part, bad]) =>
  bad.scenario.map(([settings, field, stack]) => [part, settings, field, stack] as const),
);

/** What was thrown: the message of everything here names a field, what was expected there, and what was found. */
function thrownBy(run: () => unknown): { readonly code: string; readonly message: string; readonly next: string } {
  try {
    run();
  } catch (error) {
    return error as ReturnType<typeof thrownBy>;
  }
  throw new Error('it was accepted');
}

function compile(stack: object, clients: object = {}) {
  const scenario = {
    ...{ name: 'x', why: 'y', load: { stages: [{ at: '20/s', for: '10s' }], clients } },
    ...{ slos: [{ name: 's', objective: 'errors <= 1%' }], stack },
  };
  return compileScenario(validateScenario(scenario, 'x.yaml'), { seed: 1, platform: 'virtual', replay: '' });
}

test('every part that can be off has bad settings here', () => {
  const parts = Object.entries(gatewayConfigSchema.shape)
    .filter(([, schema]) => schema.safeParse('off').success && !schema.safeParse('on').success)
    .map(([part]) => part);
  const core = ['discovery', 'healthChecks', 'ejection', 'retries', 'hold', 'retryAfter', 'connections'];
  const limits = ['maxBodyBytes', 'maxJsonDepth'];
  expect([...core, ...limits, ...Object.keys(BAD_PARTS)].sort()).toEqual([...parts, 'balancer'].sort());
});

describe('as the configuration of the gateway', () => {
  test.each(own)('%s: %j names %s', (part, settings, field) => {
    const { code, message } = thrownBy(() => parseGatewayConfig(JSON.stringify({ upstreams, [part]: settings })));
    const path = field ? `${part}.${field}` : part;
    expect(code).toBe('BAD_GATEWAY_CONFIG');
    expect(message).toContain(`\`${path}\``);
    expect(message).toMatch(/unknown key|: (expected|must) .+, found .+/);
    expect(message).not.toMatch(/undefined|Invalid|secret|sk-1/);
  });
});

describe('in a scenario', () => {
  test.each(inFiles)('%s: %j names %s', (part, settings, field, stack = {}) => {
    const { code, message, next } = thrownBy(() =>
      compile({ ...stack, ...(settings !== undefined && { gateway: { [part]: settings } }) }),
    );
    const path = field.startsWith('stack.') ? field : ['stack.gateway', part, ...(field ? [field] : [])].join('.');
    expect(code).toBe('BAD_SCENARIO');
    expect(message).toContain(`\`${path}\``);
    expect(message).toMatch(/unknown key .+ Known: |expected .+, found .+|Expected .+ to be .+, got .+/);
    expect(message).not.toMatch(/undefined|sk-1/);
    expect(next).not.toBe('');
  });

  // What each part can do without Redis, or with one that forgets.
  test.each([
    [{ gateway: { identity: {} } }, /revocations and used proofs of its own.*`stack\.redis: \{\}`/],
    [
      {
        gateway: { replicas: 2, release: { versions: [{ name: 'v1', weight: 1 }] } },
        inference: { versions: [{ name: 'v1', replicas: 1 }] },
      },
      /rolls a version back for itself.*`stack\.redis: \{\}`/,
    ],
    [
      { gateway: { encryption: { required: true } } },
      /clients do not encrypt.*`stack\.gateway\.encryption\.required: false`/,
    ],
    [
      { gateway: { batch: {} }, redis: { persistence: 'off' } },
      /loses batches.*`stack\.redis\.persistence: append-only`/,
    ],
    [
      { gateway: { batch: {} }, redis: { eviction: 'allkeys-lru' } },
      /evict batches.*`stack\.redis\.eviction: noeviction`/,
    ],
    [{ gateway: { accounting: {}, cache: {} }, redis: {} }, /evict .*usage.*`stack\.redis\.eviction: noeviction`/],
  ])('%j is a plan that says what it lacks', (stack, sentence) => {
    expect(compile(stack).plan.warnings).toContainEqual(expect.stringMatching(sentence));
  });

  test('clients that submit batches need a gateway that takes them', () => {
    const clients = { classes: [{ name: 'users' }, { name: 'jobs', batch: { lines: 3 } }] };
    expect(() => compile({}, clients)).toThrow('`stack.gateway.batch` to be on, since `load.clients.classes[1].batch`');
    expect(() => compile({ gateway: { batch: {} }, redis: {} }, clients)).not.toThrow();
  });

  test.each([
    [{ gateway: { identity: {}, batch: {}, cache: {} }, redis: {} }],
    [{ gateway: { accounting: {} }, redis: { eviction: 'noeviction' } }],
  ])('%j is one that lacks nothing', stack => {
    expect(compile(stack).plan.warnings?.join()).not.toMatch(/Redis|Each gateway/);
  });

  test('keys of parts that no class of clients has are told', () => {
    const keys = [{ key: 'sk-users' }, { key: 'sk-usrs' }];
    const clients = { classes: [{ name: 'users', key: 'sk-users' }] };
    const warnings = compile({ gateway: { admission: { keys } } }, clients).plan.warnings!.join();
    expect(warnings).toMatch(/No class .* `stack\.gateway\.admission\.keys\[1\]`/);
    expect(warnings).not.toMatch(/keys\[0\]|sk-/);
  });

  test('keys from the environment reach accounting, as they do admission', () => {
    const keys = [{ key: 'env:TEAM_KEY', quota: 5 }];
    const { gateway } = stackOptionsSchema.parse({
      gateway: { accounting: { keys }, admission: { keys: [{ key: 'env:TEAM_KEY' }] } },
    });
    const { accounting, admission } = withKeys(gateway, { TEAM_KEY: 'sk-team' });
    expect({ accounting, admission }).toMatchObject({
      accounting: { keys: [{ key: 'sk-team' }] },
      admission: { keys: [{ key: 'sk-team' }] },
    });
  });
});

describe('that only the start can find', () => {
  test.each([
    [{ identity: { keys: { from: 'file', path: '/no/such/key' } } }, {}, '`identity.keys.path`'],
    [{ identity: {} }, {}, '`identity.keys.variable`'],
    [{ identity: {} }, { GATEWAY_SIGNING_KEYS: 'no key' }, '`identity.keys.variable`'],
    [{ identity: { keys: { from: 'vault', url: 'http://127.0.0.1:9', key: 'k' } } }, {}, '`identity.keys`'],
    [{ cache: { redis: { url: 'redis://127.0.0.1:1' }, key: { file: '/no/such/key' } } }, {}, '`cache.key.file`'],
    [{ cache: { redis: { url: 'redis://127.0.0.1:1' } } }, { GATEWAY_CACHE_KEY: 'short' }, '`cache.key.environment`'],
    [
      { batch: { redis: { url: 'redis://127.0.0.1:1' }, key: { environment: 'NO_KEY' } } },
      {},
      '`batch.key.environment`',
    ],
    [{ encryption: {} }, {}, '`encryption.key.environment`'],
    [{ encryption: { key: { file: '/dev/null' } } }, {}, '`encryption.key.file`'],
    [{ audit: { folder: '/dev/null/audit' } }, {}, '`audit.folder`'],
    [{ admin: {} }, {}, '`GATEWAY_ADMIN_TOKEN`'],
  ])('%j with %j names %s', async (settings, environment, field) => {
    const start = serveGateway({
      ...thisMachine,
      environment: {
        LISTEN: '127.0.0.1:0',
        GATEWAY_CONFIG: JSON.stringify({ upstreams, ...settings }),
        ...environment,
      },
      ...{ clock: systemClock, random: seededRandom(1), names: [], newId: () => 'id', settle: run => run() },
      logger: () => pino({ enabled: false }),
      stopped: Promise.resolve('SIGTERM'),
    });
    await expect(start).rejects.toThrow(field);
  });
});
