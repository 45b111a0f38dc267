import { describe, expect, it, test, vi } from 'vitest';
import { faultPackages } from '../../../faults/catalog.ts';
import { isPlausible, probesToMiss } from '../../../faults/network/toxicity.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { Fault, Link, RunningStack } from '../../../harness/contracts.ts';
import type { Trace } from '../../../harness/host/trace.ts';

vi.mock('../../../faults/toxiproxy/client.ts', () => ({
  toxiproxyOf: () => ({
    getProxy: async () => ({}),
    addToxic: async () => {},
    removeToxic: async () => {},
    removeByRenewal: async () => {},
    setEnabled: async () => {},
  }),
}));

const LINK = { name: 'client→target', protocol: 'http' } as Link;
/** A response of 20 KB. */
const USUAL: Trace = {
  sentMs: 0,
  end: 'closed',
  responses: 1,
  bytes: 20_000,
  sentBytes: 100,
  answeredBytes: 100,
  firstByteMs: 2,
  lastByteMs: 3,
  endMs: 4,
};
const cut = (end: Trace['end'], endMs: number, bytes = 0): Trace => ({
  ...USUAL,
  end,
  endMs,
  bytes,
  responses: 0,
  answeredBytes: 0,
  firstByteMs: 0,
  lastByteMs: bytes === 0 ? 0 : endMs,
});
const lasting = (lastByteMs: number): Trace => ({ ...USUAL, lastByteMs, endMs: lastByteMs + 1 });

/** The fault on a link whose probes are usual before it, and as `during` says afterwards; `behind` of the service itself. */
async function injected(kind: string, given: object, during: () => Trace, behind: Trace = USUAL): Promise<Fault> {
  let isInjected = false;
  const trace = async (_link: Link, request: { behind?: boolean }) =>
    request.behind ? behind : isInjected ? during() : USUAL;
  const stack = { proxyApiUrl: '', replicas: [], trace } as unknown as RunningStack;
  const found = faultPackages.find(candidate => candidate.kind === kind)!;
  const parameters = found.parameters.parse(given);
  const fault = found.create(parameters as never, LINK as never, { stack, clock: systemClock, forMs: 1000 });
  await fault.inject(AbortSignal.timeout(1000));
  isInjected = true;
  return fault;
}

// 20 KB at 50 KB/s are 400 ms; in pieces of 1000 ± 200 bytes at least 16, less 5, and at most 50.
const BANDWIDTH = { rateKBps: 50 };
const SLICER = { averageSizeBytes: 1000, sizeVariationBytes: 200, delayMs: 10 };
const CASES: readonly (readonly [string, object, string, Trace, boolean])[] = [
  ['bandwidth', BANDWIDTH, 'at the rate', lasting(403), true],
  ['bandwidth', BANDWIDTH, 'faster than the rate', lasting(300), false],
  ['bandwidth', BANDWIDTH, 'much slower than the rate', lasting(1400), false],
  ['bandwidth', BANDWIDTH, 'no byte', cut('open', 2000), false],
  ['slow-close', { delayMs: 300 }, 'closed in time', { ...USUAL, endMs: 305 }, true],
  ['slow-close', { delayMs: 300 }, 'closed too soon', { ...USUAL, endMs: 200 }, false],
  ['slow-close', { delayMs: 300 }, 'closed too late', { ...USUAL, endMs: 800 }, false],
  ['slow-close', { delayMs: 300 }, 'data delayed as well', lasting(400), false],
  ['slow-close', { delayMs: 60_000 }, 'still open after 2 s', { ...USUAL, end: 'open', endMs: 2500 }, true],
  ['slow-close', { delayMs: 300 }, 'still open after 2 s', { ...USUAL, end: 'open', endMs: 2500 }, false],
  ['timeout', {}, 'nothing for half of the fault', cut('open', 500), true],
  ['timeout', {}, 'closed', cut('closed', 300), false],
  ['timeout', {}, 'some bytes', cut('open', 500, 10), false],
  ['timeout', { timeoutMs: 300 }, 'closed in time', cut('closed', 302), true],
  ['timeout', { timeoutMs: 300 }, 'closed too soon', cut('closed', 100), false],
  ['timeout', { timeoutMs: 300 }, 'closed too late', cut('closed', 700), false],
  ['timeout', { timeoutMs: 300 }, 'never closed', cut('open', 800), false],
  ['reset-peer', {}, 'reset', cut('reset', 3), true],
  ['reset-peer', {}, 'closed', cut('closed', 3), false],
  ['reset-peer', {}, 'reset too late', cut('reset', 600), false],
  ['reset-peer', { timeoutMs: 300 }, 'reset too soon', cut('reset', 100), false],
  ['slicer', SLICER, 'in pieces', lasting(190), true],
  ['slicer', SLICER, 'too fast for the pieces', lasting(90), false],
  ['slicer', SLICER, 'too slow for the pieces', lasting(1500), false],
  ['limit-data', { limitBytes: 5000 }, 'exactly the limit', cut('closed', 3, 5000), true],
  ['limit-data', { limitBytes: 5000 }, 'less', cut('closed', 3, 4999), false],
  ['limit-data', { limitBytes: 5000 }, 'more', cut('closed', 3, 5001), false],
  ['limit-data', { limitBytes: 5000 }, 'the limit, and open', cut('open', 1000, 5000), false],
  ['down', {}, 'refused', cut('refused', 1), true],
  ['down', {}, 'reset', cut('reset', 1), false],
];

describe.concurrent('the effect of a toxic lies between a lower and an upper bound', () => {
  it.for(CASES)('%s %j: %s', async ([kind, parameters, , seen, isEffect]) => {
    const fault = await injected(kind, parameters, () => seen);
    const effect = fault.verifyEffect(AbortSignal.timeout(100));
    if (isEffect) expect((await effect).evidence).toMatch(/^3 probes across client→target: .*, .*, .*; .* before$/);
    else await expect(effect).rejects.toThrow();
    // Probes as before are recovery, and others are not.
    const healed = await injected(kind, parameters, () => USUAL);
    await healed.verifyHealed(AbortSignal.timeout(100));
    if (isEffect) await expect(fault.verifyHealed(AbortSignal.timeout(100))).rejects.toThrow();
  });

  const kinds = [...new Map(CASES.map(([kind, parameters]) => [kind, parameters]))];
  it.for(kinds)('%s: probes as before, from a proxy that does nothing, are no effect', async ([kind, parameters]) => {
    const fault = await injected(kind, parameters, () => USUAL);
    await expect(fault.verifyEffect(AbortSignal.timeout(100))).rejects.toThrow();
    expect(fault.noise?.()).toBeUndefined();
  });

  it.for(['timeout', 'reset-peer', 'down'])('%s: a service that is down itself shows no effect', async kind => {
    const [, parameters, , seen] = CASES.find(([candidate, , , , isEffect]) => candidate === kind && isEffect)!;
    const fault = await injected(kind, parameters, () => seen, cut('refused', 1));
    await expect(fault.verifyEffect(AbortSignal.timeout(100))).rejects.toThrow();
  });
});

describe.concurrent('toxicity', () => {
  /** Every `nth` probe is reset. */
  const everyNth = (nth: number) => {
    let count = 0;
    return () => {
      count += 1;
      return count % nth === 0 ? cut('reset', 2) : USUAL;
    };
  };

  it('shows itself in the number of affected probes, and not where all are or none is', async () => {
    const half = await injected('reset-peer', { toxicity: 0.5 }, everyNth(2));
    expect((await half.verifyEffect(AbortSignal.timeout(500))).evidence).toMatch(/^10 of 20 probes across /);
    for (const nth of [1, 1000]) {
      const fault = await injected('reset-peer', { toxicity: 0.5 }, everyNth(nth));
      await expect(fault.verifyEffect(AbortSignal.timeout(300))).rejects.toThrow();
    }
    const whole = await injected('reset-peer', {}, everyNth(2));
    await expect(whole.verifyEffect(AbortSignal.timeout(300))).rejects.toThrow();
  });

  it('needs more probes for recovery the fewer connections it affects', async () => {
    const fault = await injected('reset-peer', { toxicity: 0.1 }, everyNth(40));
    await expect(fault.verifyHealed(AbortSignal.timeout(100))).rejects.toThrow();
    expect([probesToMiss(0.1), probesToMiss(0.5), probesToMiss(0.9)]).toEqual([44, 7, 2]);
  });

  // Binomial(20, 0.5): P(X ≤ 3) = 0.0013, P(X ≤ 2) = 0.0002. Binomial(20, 0.1): P(X ≥ 7) = 0.0024, P(X ≥ 8) = 0.0004.
  test.for([
    [2, 18, 0.5, false],
    [3, 17, 0.5, true],
    [17, 3, 0.5, true],
    [18, 2, 0.5, false],
    [7, 13, 0.1, true],
    [8, 12, 0.1, false],
    [0, 20, 0.1, false],
    [20, 0, 0.9, false],
  ] as const)('%d affected and %d not, of %d: %s', ([hit, missed, ratio, expected]) => {
    expect(isPlausible(hit, missed, ratio)).toBe(expected);
  });
});

it('a link that moves too little for a probe says so, with the numbers', async () => {
  const fault = await injected('limit-data', { limitBytes: 9_000_000 }, () => USUAL);
  await expect(fault.verifyEffect(AbortSignal.timeout(100))).rejects.toThrow();
  expect(fault.noise?.()).toBe(
    'too little passes client→target for a probe to show it: 9900064 bytes are needed on one connection, and its longest response, to GET /healthz, has 20000',
  );
  await fault.verifyHealed(AbortSignal.timeout(100));
});
