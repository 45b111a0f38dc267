import { describe, expect, it } from 'vitest';
import { redisOptionsSchema } from '../../../stack/redis/options.ts';
import { renderRedisConfig } from '../../../stack/redis/render-redis-config.ts';

const place = { listen: '127.0.0.1:6380', directory: '/runs/a "b"/redis-1', password: 'secret-of-this-run' };
const render = (options: object = {}) => renderRedisConfig(redisOptionsSchema.parse(options), place);

describe('the configuration of Redis', () => {
  it('has 256 MB, LRU eviction and an append-only file by default', () => {
    const lines = render()['redis.conf'].split('\n');
    for (const line of [
      'bind 127.0.0.1',
      'port 6380',
      'protected-mode yes',
      'maxmemory 256mb',
      'maxmemory-policy volatile-lru',
      'appendfsync everysec',
      'appendonly yes',
      'save ""',
      'dir "/runs/a \\"b\\"/redis-1"',
    ])
      expect(lines).toContain(line);
  });

  it('flushes each write before its reply, if it is to lose nothing', () => {
    const lines = render({ flush: 'always' })['redis.conf'].split('\n');
    expect(lines).toEqual(expect.arrayContaining(['appendfsync always', 'no-appendfsync-on-rewrite no']));
  });

  it('writes no data to disk with persistence off', () => {
    expect(render({ persistence: 'off' })['redis.conf']).toContain('appendonly no\n');
  });

  it('disables the default user and never contains the password', () => {
    const files = render();
    expect(files['users.acl']).toMatch(/^user default reset off /m);
    expect(JSON.stringify(files)).not.toContain(place.password);
  });

  it.each([{ maxMemory: 1 }, { maxMemoryMb: 0 }, { eviction: 'random' }])('rejects %j', options => {
    expect(redisOptionsSchema.safeParse(options).success).toBe(false);
  });
});
