import { describe, expect, it } from 'vitest';
import { chooseSource, type ImageSource } from '../../../../platform/docker/images/image-source.ts';
import { buildFailure } from '../../../../platform/docker/images/work.ts';

const AVAILABLE = undefined;
const LATE = 'no response within 8 s';
const BARE = 'there is no debootstrap';

describe('the source of images', () => {
  it.each<[string | undefined, string | undefined, ImageSource | undefined, ImageSource, string]>([
    [AVAILABLE, AVAILABLE, undefined, 'registry', 'the registry responds'],
    [AVAILABLE, BARE, undefined, 'registry', 'the registry responds'],
    [LATE, AVAILABLE, undefined, 'local', `no registry: ${LATE}`],
    [AVAILABLE, AVAILABLE, 'local', 'local', 'as requested'],
    [LATE, AVAILABLE, 'local', 'local', 'as requested'],
    [AVAILABLE, BARE, 'registry', 'registry', 'as requested'],
  ])('with registry %s and local %s, %s requested: %s', (registry, local, requested, source, reason) => {
    expect(chooseSource({ registry, local }, requested)).toEqual({ source, reason });
  });

  it.each<[string | undefined, string | undefined, ImageSource | undefined]>([
    [LATE, BARE, undefined],
    [LATE, AVAILABLE, 'registry'],
    [AVAILABLE, BARE, 'local'],
  ])('fails with registry %s and local %s, %s requested', (registry, local, requested) => {
    expect(() => chooseSource({ registry, local }, requested)).toThrow(
      expect.objectContaining({
        code: 'NO_IMAGE_SOURCE',
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
