import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { catalogNames, catalogTags } from '../../../scenarios/find.ts';
import { findSuite, suiteNames } from '../../../scenarios/suite/find-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'squall-suites-'));
afterAll(() => rmSync(folder, { recursive: true }));

function find(text: string, name = 'mine.yaml') {
  writeFileSync(join(folder, name), text);
  return findSuite(join(folder, name));
}

const HEAD = 'name: mine\nwhy: For a test.\n';

describe('the suites of Squall', () => {
  it.each(suiteNames())('are valid, and named as their files: %s', async name => {
    const { suite, scenarios } = await findSuite(name);
    expect(suite.name).toBe(name);
    expect(scenarios.length).toBeGreaterThan(0);
  });

  it('hold every scenario in nightly, on every platform', async () => {
    const { suite, scenarios } = await findSuite('nightly');
    expect(scenarios).toEqual(catalogNames());
    expect(suite).toMatchObject({ platforms: ['virtual', 'process', 'docker'], prove: 'once' });
  });
});

describe('a suite of a file', () => {
  it('selects by name, pattern, tag and path, each scenario once', async () => {
    writeFileSync(join(folder, 'own.yaml'), 'name: own');
    const { scenarios } = await find(
      `${HEAD}scenarios: [node-loss, "slow-*", "tag:attacks", ./own.yaml]\nexcept: [slow-read, "*-attack"]`,
    );
    const attacks = [...catalogTags()].flatMap(([name, tag]) => (tag === 'attacks' ? [name] : []));
    expect(scenarios.slice(0, 3)).toEqual(['node-loss', 'slow-body', 'slow-headers']);
    expect(scenarios.at(-1)).toMatch(/own\.yaml$/);
    const left = attacks.filter(name => !['slow-read', 'replay-attack', 'slow-body', 'slow-headers'].includes(name));
    expect(scenarios.slice(3, -1)).toEqual(left);
  });

  it('has every default filled in', async () => {
    const { suite } = await find(`${HEAD}scenarios: [node-loss]`);
    expect(suite).toEqual({
      ...{ name: 'mine', why: 'For a test.', scenarios: ['node-loss'], except: [], platforms: ['virtual'] },
      ...{ seeds: [42], repeats: 1, set: {}, prove: false },
    });
    expect((await find(`${HEAD}scenarios: [node-loss]\nseeds: 3`)).suite.seeds).toEqual([42, 43, 44]);
    expect((await find(`${HEAD}scenarios: [node-loss]\nseeds: [7, 5]`)).suite.seeds).toEqual([7, 5]);
  });

  it('may be TypeScript', async () => {
    const { suite } = await find(
      'export default { name: "mine", why: "For a test.", scenarios: ["breaker"], budget: "2m" };',
      'mine.ts',
    );
    expect(suite.budget).toBe(120_000);
  });

  it.each([
    ['scenarios: [node-los]', /`scenarios\[0\]`: expected .*, found "node-los".*node-loss/],
    ['scenarios: ["tag:attack"]', /`scenarios\[0\]`: expected a tag .*\(attacks, .*did you mean.*attacks/i],
    ['scenarios: ["slwo-*"]', /`scenarios\[0\]`: expected a pattern/],
    ['scenarios: ["node.loss*"]', /`scenarios\[0\]`: expected a pattern/],
    ['scenarios: [./nowhere.yaml]', /`scenarios\[0\]`: expected a file that exists/],
    ['scenarios: []', /`scenarios`: expected/],
    ['scenarios: [node-loss]\nexcept: ["*"]', /`except`: expected to leave at least one/],
    ['scenarios: [node-loss]\nplatform: [virtual]', /unknown key `platform`.*platforms/],
    ['scenarios: [node-loss]\nplatforms: [virtul]', /`platforms\[0\]`: expected .*virtual/],
    ['scenarios: [node-loss]\nplatforms: [virtual, virtual]', /`platforms`: expected each platform once/],
    ['scenarios: [node-loss]\nseeds: 0', /`seeds`: expected/],
    ['scenarios: [node-loss]\nseeds: [1, 1]', /`seeds`: expected each seed once/],
    ['scenarios: [node-loss]\nrepeats: 1.5', /`repeats`: expected/],
    ['scenarios: [node-loss]\nbudget: 5', /`budget`: expected .*, found 5/],
    ['scenarios: [node-loss]\nprove: sometimes', /`prove`: expected .*, found "sometimes"/],
  ])('names the field that is wrong: %s', async (text, message) => {
    await expect(find(HEAD + text)).rejects.toMatchObject({
      code: 'BAD_SUITE',
      message: expect.stringMatching(message),
    });
  });

  it('is refused with the reason where there is none', async () => {
    await expect(findSuite('smok')).rejects.toMatchObject({
      code: 'UNKNOWN_SUITE',
      message: expect.stringMatching(/attacks, elasticity, nightly, smoke\) or a file, got "smok".*smoke/),
    });
    await expect(findSuite('./nowhere.yaml')).rejects.toMatchObject({ code: 'UNKNOWN_SUITE' });
    await expect(find('a: [')).rejects.toMatchObject({ code: 'UNREADABLE_SUITE' });
    await expect(find('export const suite = {};', 'none.ts')).rejects.toMatchObject({
      code: 'UNREADABLE_SUITE',
      message: expect.stringContaining('write `export default { name: …, why: …, scenarios: […] }`'),
    });
  });
});
