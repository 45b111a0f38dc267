import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import { openRunDirectory } from '../../scenarios/session/run-directory.ts';

const folder = mkdtempSync(join(tmpdir(), 'squall out ü '));
afterAll(() => rmSync(folder, { recursive: true }));

it('is absolute, wherever its services run, and for its user alone', () => {
  const written = join(relative(process.cwd(), folder), 'new/runs');
  const { directory, environment } = openRunDirectory('x', written, systemClock);
  expect(directory).toBe(join(folder, 'new/runs', environment.id));
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

it('has no path that ends a line of configuration', () => {
  expect(() => openRunDirectory('x', join(folder, 'a\nb'), systemClock)).toThrow(
    expect.objectContaining({ code: 'OUTPUT_NOT_WRITABLE', message: expect.stringContaining('control character') }),
  );
});
