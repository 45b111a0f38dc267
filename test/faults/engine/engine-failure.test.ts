import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createFault, faultPackages } from '../../../faults/catalog.ts';
import { type Clock, systemClock } from '../../../harness/clock.ts';
import type { RunningStack } from '../../../harness/contracts.ts';
import { systemNetwork } from '../../../harness/host/network.ts';
import { type ShortRequest, type ShortResponse, send } from '../../../harness/host/send.ts';
import { seededRandom } from '../../../harness/random.ts';
import { FAILURE_PATH, failureKinds } from '../../../stack/inference/broken-engine.ts';
import { parseInferenceConfig } from '../../../stack/inference/config.ts';
import { inferenceServer } from '../../../stack/inference/server.ts';
import { InferenceService } from '../../../stack/inference/service.ts';
import { tokenHeaders } from '../../../stack/token.ts';
import { FakeClock } from '../../fake-clock.ts';
import { FakeReplica, fakeStack, outcomeOf } from '../fakes.ts';

const EVIDENCE: Readonly<Record<(typeof failureKinds)[number], RegExp>> = {
  'not-found': /^a completion of inference-1 got 404: .*does not exist/,
  unauthorized: /got 401: .*Invalid API key/,
  'rate-limited': /got 429: /,
  'server-error': /got 500: /,
  'error-event': /got 200: data: .*"role"/,
  'no-token': /got 200: data: /,
  'no-byte': /got 200$/,
  reset: /got no response: /,
  hang: /got no token for 1 s$/,
  stall: /got no token for 1 s$/,
};

/** A stack of one replica, which takes requests as `reply` does. */
function stackOf(reply: NonNullable<RunningStack['send']>, faultClock?: Clock) {
  const clock = new FakeClock(1000);
  const replica = new FakeReplica('inference-1', 'zone-a', clock);
  const stack = { ...fakeStack(clock, [replica]), send: reply };
  const faultAs = (as: string) =>
    createFault(
      { id: 'x', kind: 'engine-failure', target: 'inference-1', atMs: 0, forMs: 1000, parameters: { as } },
      stack,
      faultClock ?? clock,
    );
  return { clock, faultAs, replica };
}

describe('against a simulator', () => {
  it('breaks each completion at once in every way, verifies it with a real one, and heals', async () => {
    const config = parseInferenceConfig('{"timeScale":1000}');
    const service = new InferenceService(config, systemClock);
    const [stop, signal] = [new AbortController(), AbortSignal.timeout(20_000)];
    const running = new Promise<void>(resolve => void service.run(stop.signal, resolve));
    const secret = 'a-token-for-tests-only';
    const rest = {
      token: secret,
      names: [],
      newId: () => 'id',
      log: () => {},
      isShuttingDown: () => false,
      isDraining: () => false,
    };
    const server = inferenceServer({ config, service, clock: systemClock, random: seededRandom(1), ...rest });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await running;
      const { faultAs } = stackOf(
        (_replica, request, abort) => send(origin, { ...request, headers: tokenHeaders(secret) }, abort, systemNetwork),
        systemClock,
      );
      for (const as of failureKinds) {
        const fault = faultAs(as);
        await fault.inject(signal);
        expect((await fault.verifyEffect(signal)).evidence, as).toMatch(EVIDENCE[as]);
        expect((await fetch(`${origin}/readyz`)).status, 'its health checks pass').toBe(200);
        await fault.heal(signal);
        await fault.heal(signal);
        expect((await fault.verifyHealed(signal)).evidence).toMatch(/got its token, \d+\.\d s after the failure$/);
      }
      const tired = { method: 'PUT', path: FAILURE_PATH, body: { as: 'tired' } } as const;
      expect(await send(origin, tired, signal, systemNetwork), 'without the token').toMatchObject({ status: 403 });
      const wrong = await send(origin, { ...tired, headers: tokenHeaders(secret) }, signal, systemNetwork);
      expect(wrong).toMatchObject({ status: 400, text: expect.stringContaining('not-found') });
    } finally {
      stop.abort();
      server.closeAllConnections();
      server.close();
    }
  });
});

it('offers the failures that the simulator knows', () => {
  const { parameters } = faultPackages.find(({ kind }) => kind === 'engine-failure')!;
  for (const as of failureKinds) expect(parameters.safeParse({ as }).success).toBe(true);
  expect(parameters.safeParse({ as: 'tired' }).error?.message).toContain('"no-byte"');
});

const token: ShortResponse = { status: 200, text: 'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n' };
const accepted: ShortResponse = { status: 204, text: '' };
const isControl = ({ path }: ShortRequest) => path === FAILURE_PATH;

it.each([...failureKinds])('has no observable effect where completions still get their tokens: %s', async as => {
  const { clock, faultAs } = stackOf(async (_replica, request) => (isControl(request) ? accepted : token));
  const fault = faultAs(as);
  expect(await outcomeOf(clock, 1000, signal => fault.inject(signal))).toBeUndefined();
  expect(await outcomeOf(clock, 1000, signal => fault.verifyEffect(signal))).toBe('never');
});

it('has not recovered as long as completions fail', async () => {
  const { clock, faultAs } = stackOf(async (_replica, request) =>
    isControl(request) ? accepted : { status: 200, text: 'data: [DONE]\n\n' },
  );
  const fault = faultAs('no-token');
  expect(await outcomeOf(clock, 1000, signal => fault.verifyHealed(signal))).toBe('never');
});

it('is over when its replica has died, and not when that only refuses to be healed', async () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const { clock, faultAs, replica } = stackOf(async (_replica, { method }) => {
    if (method === 'DELETE') throw refused;
    return accepted;
  });
  const fault = faultAs('reset');
  await outcomeOf(clock, 1000, signal => fault.inject(signal));
  await expect(outcomeOf(clock, 1000, signal => fault.heal(signal))).rejects.toThrow('ECONNREFUSED');
  await replica.kill();
  expect(await outcomeOf(clock, 1000, signal => fault.heal(signal))).toBeUndefined();
});

it('needs a simulator, and says so', async () => {
  const { clock, faultAs } = stackOf(async () => ({ status: 404, text: '{"detail":"Not Found"}' }));
  await expect(outcomeOf(clock, 1000, signal => faultAs('reset').inject(signal))).rejects.toMatchObject({
    code: 'NO_SIMULATOR',
    message: expect.stringContaining('got 404: {"detail":"Not Found"}'),
  });
});
