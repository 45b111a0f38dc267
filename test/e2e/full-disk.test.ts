import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missing } from '../require.ts';
import { SMALL, squall, start, temporaryFolder } from './squall.ts';

/** A disk of its own, so small that it can be filled. Mounting needs root on Linux. */
function smallDisk(mebibytes: number): (Disposable & { readonly path: string }) | undefined {
  const folder = temporaryFolder();
  const options = { stdio: 'ignore' } as const;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'none', folder.path], options);
  } catch {
    folder[Symbol.dispose]();
    return undefined;
  }
  return {
    path: folder.path,
    [Symbol.dispose]() {
      execFileSync('umount', [folder.path], options);
      folder[Symbol.dispose]();
    },
  };
}

const canMount = (() => {
  using disk = smallDisk(1);
  return disk !== undefined;
})();
const skip = missing('mount', canMount);

describe.skipIf(Boolean(skip))(`a full disk ${skip || ''}`, () => {
  it('is seen before anything starts, and nothing is left behind', async () => {
    using disk = smallDisk(8);
    const { code, stderr } = await squall(['run', SMALL, '--out', disk!.path]);
    expect(code, stderr).toBe(4);
    expect(stderr).toMatch(/not enough disk space .*\n {2}→ Free some space/);
    expect(readdirSync(disk!.path)).toEqual([]);
  });

  it('that fills in the middle of a run ends it with the same words, and no stack trace', async () => {
    using disk = smallDisk(80);
    const run = start(['run', SMALL, '--out', disk!.path]);
    await run.seen(/ warm-up$/m);
    // Whatever is left goes to a neighbour.
    const blocks = Array.from({ length: 90 }, (_, index) => join(disk!.path, `neighbour-${index}`));
    for (const block of blocks)
      try {
        writeFileSync(block, Buffer.alloc(2 ** 20));
      } catch {
        break;
      }
    const { code, stderr } = await run.finished;
    expect(code, stderr).toBe(4);
    expect(stderr).toMatch(/not enough disk space .*\n {2}→ Free some space/);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});
