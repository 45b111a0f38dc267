import { describe, expect, it } from 'vitest';
import { chooseWay, type Way } from '../../../../platform/docker/images/way.ts';
import { buildFailure } from '../../../../platform/docker/images/work.ts';

const OPEN = undefined;
const LATE = 'no answer within 8 s';
const BARE = 'there is no debootstrap';

describe('the way to the images', () => {
  it.each<[string | undefined, string | undefined, Way | undefined, Way, string]>([
    [OPEN, OPEN, undefined, 'registry', 'the registry answers'],
    [OPEN, BARE, undefined, 'registry', 'the registry answers'],
    [LATE, OPEN, undefined, 'local', `no registry: ${LATE}`],
    [OPEN, OPEN, 'local', 'local', 'as asked for'],
    [LATE, OPEN, 'local', 'local', 'as asked for'],
    [OPEN, BARE, 'registry', 'registry', 'as asked for'],
  ])('with registry %s and local %s, asked for %s: %s', (registryTrouble, localTrouble, forced, way, why) => {
    expect(chooseWay({ registryTrouble, localTrouble }, forced)).toEqual({ way, why });
  });

  it.each<[string | undefined, string | undefined, Way | undefined]>([
    [LATE, BARE, undefined],
    [LATE, OPEN, 'registry'],
    [OPEN, BARE, 'local'],
  ])('refuses with registry %s and local %s, asked for %s', (registryTrouble, localTrouble, forced) => {
    expect(() => chooseWay({ registryTrouble, localTrouble }, forced)).toThrow(
      expect.objectContaining({
        code: 'NO_WAY_TO_BUILD',
        kind: 'environment',
        next: expect.stringMatching(/debootstrap/),
      }),
    );
  });
});

describe('a build that failed', () => {
  it('shows its last lines, and no more', () => {
    const output = Array.from({ length: 40 }, (_, index) => `line ${index}`).join('\n');
    const error = buildFailure('Building squall/nginx', output);
    expect(error.code).toBe('IMAGE_BUILD_FAILED');
    expect(error.message).toMatch(/^Building squall\/nginx failed:/);
    expect(error.message).toContain('line 39');
    expect(error.message).not.toContain('line 24\n');
  });

  it('knows a full disk', () => {
    expect(buildFailure('Building', 'write /var/lib: no space left on device')).toMatchObject({
      code: 'IMAGE_DISK_FULL',
      next: expect.stringMatching(/system df/),
    });
  });
});
