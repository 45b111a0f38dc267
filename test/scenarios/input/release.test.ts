import { describe, expect, test } from 'vitest';
import { checkRelease } from '../../../scenarios/input/release.ts';
import { versionOfReplica } from '../../../stack/inference/replica.ts';
import { stackOptionsSchema } from '../../../stack/options.ts';

const VERSIONS = [
  { name: 'v1', replicas: 2 },
  { name: 'v2', replicas: 1, errorRatio: 0.5 },
];
const release = (...versions: object[]) => ({ versions });
const check = (gateway: object, inference: object) => () =>
  checkRelease(stackOptionsSchema.parse({ gateway, inference: { replicas: 3, ...inference } }));

describe('versions of a stack', () => {
  test.each([
    [{ versions: VERSIONS }, release({ name: 'v1', weight: 1 }, { name: 'v2' })],
    [{}, 'off'],
    [{ versions: VERSIONS }, 'off'],
  ])('may be %j', (inference, own) => {
    expect(check({ release: own }, inference)).not.toThrow();
  });

  test.each([
    [
      { versions: VERSIONS },
      release({ name: 'v1', weight: 1 }, { name: 'v3' }),
      /`stack\.gateway\.release\.versions\[1\]\.name` to be one of `stack\.inference\.versions`: v1, v2, got "v3"/,
    ],
    [{}, release({ name: 'v1', weight: 1 }), /`stack\.gateway\.release\.versions\[0\]\.name` .* which has none/],
    [{ versions: [...VERSIONS, VERSIONS[0]] }, 'off', /`stack\.inference\.versions\[2\]\.name` to be another/],
    [{ replicas: 2, versions: VERSIONS }, 'off', /`stack\.inference\.versions` to be at most .* 2 together, got 3/],
  ])('are refused by name: %j', (inference, own, message) => {
    expect(check({ release: own }, inference)).toThrow(message);
  });

  test('are those of replicas in turn, and the first for all that are started later', () => {
    const { versions } = stackOptionsSchema.parse({ inference: { replicas: 3, versions: VERSIONS } }).inference;
    const names = [1, 2, 3, 4, 12].map(nth => versionOfReplica(`inference-${nth}`, versions).version);
    expect(names).toEqual(['v1', 'v1', 'v2', 'v1', 'v1']);
    expect(versionOfReplica('inference-3', versions)).toEqual({ version: 'v2', slowdown: 1, errorRatio: 0.5 });
    expect(versionOfReplica('inference-1', [])).toEqual({ version: undefined });
  });
});
