import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findScenario } from '../../scenarios/find.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-find-'));
  writeFileSync(join(folder, 'empty.yaml'), '');
  writeFileSync(join(folder, 'comment.yaml'), '# nothing yet\n');
  writeFileSync(join(folder, 'named.ts'), 'export const scenario = {};\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each<[string, RegExp]>([
  ['empty.yaml', /empty\.yaml to be a scenario file, but: it is empty/],
  ['comment.yaml', /it is empty/],
  ['named.ts', /named\.ts to be a scenario file, but: it has no default export; write `export default/],
  ['nope.yaml', /nope\.yaml to be a scenario file, found no such file$/],
  ['.', /to be a scenario file, but: it is a folder, not a regular file$/],
])('refuses %s and says why', async (name, message) => {
  await expect(findScenario(`${folder}/${name}`)).rejects.toMatchObject({
    kind: 'scenario',
    message: expect.stringMatching(message),
    next: expect.any(String),
  });
});

it.each([
  ['node-los', /got "node-los"; did you mean "node-loss"\?$/],
  ['xyzzy', /got "xyzzy"$/],
])('takes what is no path for a name: %s', async (name, message) => {
  await expect(findScenario(name)).rejects.toMatchObject({ message: expect.stringMatching(message) });
});
