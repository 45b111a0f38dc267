import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PINS } from '../../../../cli/start/node.js';
import { type ContextEntry, contentHash, contextOf } from '../../../../platform/docker/images/build-context.ts';
import { DEFINITIONS, OFFICIAL, PART_VERSIONS } from '../../../../platform/docker/images/definitions.ts';
import { IMAGE_NAMES, IMAGE_UID, type ImageName } from '../../../../platform/docker/images/image-names.ts';
import { installedPackages, needsOf } from '../../../../platform/docker/images/service-files.ts';
import { HOME } from '../../../../platform/docker/layout.ts';

const file = (target: string, text: string, mode = 0o644): ContextEntry => ({
  target,
  mode,
  content: Buffer.from(text),
});

describe('the hash of an image', () => {
  const entries = [file('a', '1'), file('b', '2')];
  const hash = contentHash(['base'], entries);

  it('is a valid tag and does not depend on the order of files', () => {
    expect(hash).toMatch(/^[0-9a-f]{12}$/);
    expect(contentHash(['base'], entries.toReversed())).toBe(hash);
  });

  it.each([
    ['another base', ['base-2'], entries],
    ['another text', ['base'], [file('a', '1'), file('b', '3')]],
    ['another name', ['base'], [file('a', '1'), file('c', '2')]],
    ['another mode', ['base'], [file('a', '1'), file('b', '2', 0o755)]],
    ['one file less', ['base'], [file('a', '1')]],
    ['text moved between files', ['base'], [file('a', '12'), file('b', '')]],
  ])('changes with %s', (_, inputs, changed) => {
    expect(contentHash(inputs, changed)).not.toBe(hash);
  });
});

describe('what services need', () => {
  const files: Record<string, string> = {
    'stack/a/main.ts': `import { b } from '../b.ts';\nimport type { T } from 'only-a-type';\nimport 'node:fs';`,
    'stack/b.ts': `import {\n  x,\n  type Y,\n} from '@scope/package/deep';\nexport { z } from './c.ts';`,
    'stack/c.ts': `import './b.ts';\nconst lazy = () => import('late');`,
    'stack/unrelated.ts': `import 'heavy';`,
  };

  it('is what their imports reach, through circles and lazily, without types', () => {
    expect(needsOf(['stack/a/main.ts'], path => files[path]!)).toEqual({
      modules: ['stack/a/main.ts', 'stack/b.ts', 'stack/c.ts'],
      packages: ['@scope/package', 'late'],
    });
  });

  it('has for each package the one that Node would find, and names a missing one', () => {
    const lock = {
      packages: {
        'node_modules/a': { dependencies: { b: '*', native: '*' }, optionalDependencies: { native: '*' } },
        'node_modules/a/node_modules/b': { dependencies: { a: '*' } },
        'node_modules/b': {},
      },
    };
    expect(installedPackages(['a'], lock)).toEqual(['node_modules/a', 'node_modules/a/node_modules/b']);
    expect(() => installedPackages(['c'], lock)).toThrow(/no c/);
  });

  it('is neither tests nor platforms nor tools for development', () => {
    const targets = contextOf('service').map(entry => entry.target);
    // Policies, which are read from their folder, and what they import.
    for (const file of ['policies/keda.ts', 'policies/predictive.ts', 'policy/forecast.ts'])
      expect(targets).toContain(`app/stack/autoscaler/${file}`);
    expect(targets).toContain('app/stack/gateway/main.ts');
    expect(targets).toContain('app/stack/inference/main.ts');
    expect(targets).toContain('app/faults/toxiproxy/server-main.ts');
    expect(targets).toContain('app/node_modules/pino/package.json');
    expect(targets.filter(target => /app\/(test|scenarios|reports|load|platform|cli)\//.test(target))).toEqual([]);
    expect(targets.filter(target => /typescript|vitest|biome|node_modules\/node$/.test(target))).toEqual([]);
  });
});

describe('definitions', () => {
  const names = Object.keys(IMAGE_NAMES) as ImageName[];

  it('pin official images to exact versions, Node to the one of the checkout', () => {
    expect(OFFICIAL.node).toContain(`:${PINS['linux-x64'].version}-`);
    for (const image of Object.values(OFFICIAL)) expect(image).toMatch(/:[\w.-]*\d+[\w.-]*$/);
    const tools = readFileSync(join(HOME, '.ci/tools.ts'), 'utf8');
    expect(tools).toContain(`/cmd/server\`, '${PART_VERSIONS.toxiproxy}')`);
  });

  it.each(names)('%s runs without privileges, has a health check and stops on a signal', name => {
    const text = readFileSync(join(HOME, 'platform/docker/images', name, 'Dockerfile'), 'utf8');
    expect(text).toContain(`\nUSER ${IMAGE_UID}:${IMAGE_UID}\n`);
    expect(text).toMatch(/\nHEALTHCHECK .* CMD \["/);
    expect(text).toMatch(/\nSTOPSIGNAL SIG/);
    expect(text).toMatch(/\nCMD \["/);
    for (const part of DEFINITIONS[name].parts) expect(text).toContain(`FROM \${${part.toUpperCase()}} AS ${part}`);
  });
});
