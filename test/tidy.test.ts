import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const ROOMS = ['harness', 'stack', 'platform', 'load', 'faults', 'reports', 'scenarios', 'cli', 'test'] as const;
const MAX_LINES = 300;
const MAX_FILES = 18;

/** What a room may import; its own files always. Rooms of one floor know nothing of each other, but that k6 may run in a container. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  harness: [],
  stack: ['harness'],
  platform: ['stack', 'harness'],
  load: ['platform', 'harness'],
  faults: ['harness'],
  reports: ['harness'],
  scenarios: ['load', 'platform', 'faults', 'reports', 'stack', 'harness'],
  cli: ['scenarios', 'load', 'platform', 'faults', 'reports', 'stack', 'harness', 'package.json'],
  test: ['cli', 'scenarios', 'load', 'platform', 'faults', 'reports', 'stack', 'harness', 'package.json'],
};

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
}

interface Import {
  /** Path from the root, or the name of a package. */
  readonly target: string;
  readonly isOwn: boolean;
}

function importsOf({ path, text }: Source): Import[] {
  const found = text.matchAll(/^\s*(?:import|export)\s+[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'/gm);
  return [...found].map(match => {
    const name = match[1] ?? match[2]!;
    const isOwn = name.startsWith('.');
    return { target: isOwn ? relative(ROOT, resolve(ROOT, dirname(path), name)) : name, isOwn };
  });
}

/** Every import arrow of a file that points where its room must not. */
function wrongArrows(source: Source): string[] {
  const { path, room } = source;
  return importsOf(source).flatMap(({ target, isOwn }) => {
    if (!isOwn)
      return room === 'harness' && !target.startsWith('node:') ? [`${path} imports the package ${target}`] : [];
    const to = target.split('/')[0]!;
    return to === room || MAY_IMPORT[room]!.includes(to) ? [] : [`${path} imports ${to}/`];
  });
}

/** Every file from which imports, those of types too, lead back to it. */
function inCircles(files: readonly Source[]): string[] {
  const imports = new Map(files.map(file => [file.path, importsOf(file).map(({ target }) => target)]));
  return [...imports.keys()].filter(start => {
    const seen = new Set<string>();
    const open = [...imports.get(start)!];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      open.push(...(imports.get(path) ?? []));
    }
    return seen.has(start);
  });
}

/** Every folder that holds more source files than a person takes in at a glance. */
function crowded(files: readonly Source[], maxFiles: number): string[] {
  const counts = new Map<string, number>();
  for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > maxFiles).map(([folder, count]) => `${folder}: ${count}`);
}

/** Exported declarations without a docstring right above them. */
function undocumented({ path, text }: Source): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const name = /^export (?:default )?(?:async )?(?:abstract )?(?:function\*?|class|interface|type|const) (\w+)/.exec(
      line,
    )?.[1];
    return name && !lines[index - 1]?.trim().endsWith('*/') ? [`${path}: ${name}`] : [];
  });
}

const sources: Source[] = ROOMS.flatMap(room =>
  readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.(ts|js|css)$/.test(file) && !file.startsWith('runs/'))
    .map(file => ({ path: `${room}/${file}`, room, text: readFileSync(join(ROOT, room, file), 'utf8') })),
);

describe('the house', () => {
  it('has imports that point down only', () => {
    expect(sources.flatMap(wrongArrows)).toEqual([]);
  });

  it('has no file that imports lead back to', () => {
    expect(inCircles(sources.filter(({ room }) => room !== 'test'))).toEqual([]);
  });

  it('finds files that import each other, if only for a type', () => {
    const file = (name: string, text: string): Source => ({ path: `harness/${name}.ts`, room: 'harness', text });
    const a = file('a', `import type { B } from './b.ts';`);
    const b = file('b', `import { c } from './c.ts';`);
    expect(
      inCircles([a, b, file('c', `import { a } from './a.ts';`), file('d', `import { a } from './a.ts';`)]),
    ).toEqual(['harness/a.ts', 'harness/b.ts', 'harness/c.ts']);
    expect(inCircles([a, b, file('c', '')])).toEqual([]);
  });

  it('has no crowded folder', () => {
    const rooms = sources.filter(({ room, path }) => room !== 'test' && !path.startsWith('scenarios/catalog/'));
    expect(crowded(rooms, MAX_FILES)).toEqual([]);
    expect(crowded(rooms, 1)).not.toEqual([]);
  });

  it('finds an arrow that points up', () => {
    const at = (room: string, text: string) => wrongArrows({ path: `${room}/a.ts`, room, text });
    expect(at('harness', `import { x } from '../stack/x.ts';`)).toEqual(['harness/a.ts imports stack/']);
    expect(at('harness', `import { z } from 'zod';`)).toEqual(['harness/a.ts imports the package zod']);
    expect(at('faults', `import { x } from '../reports/x.ts';`)).toEqual(['faults/a.ts imports reports/']);
    expect(at('faults', `import type { X } from '../reports/x.ts';`)).toEqual(['faults/a.ts imports reports/']);
    expect(at('load', `import { x } from '../platform/x.ts';`)).toEqual([]);
    expect(at('stack', `import {\n  a,\n  b,\n} from '../scenarios/x.ts';`)).toEqual(['stack/a.ts imports scenarios/']);
  });

  it('has no file over 300 lines', () => {
    const long = sources.filter(({ text }) => text.split('\n').length - 1 > MAX_LINES).map(({ path }) => path);
    expect(long).toEqual([]);
  });

  it('documents every export', () => {
    const rooms = sources.filter(({ room, path }) => room !== 'test' && path.endsWith('.ts'));
    expect(rooms.flatMap(undocumented)).toEqual([]);
    expect(undocumented({ path: 'a.ts', room: 'stack', text: 'export function bare() {}' })).toEqual(['a.ts: bare']);
  });

  it('has no room beside the agreed ones, no barrel and no drawer for odds and ends', () => {
    const vague = sources
      .filter(({ path }) => /\/(index|utils?|helpers?|common|misc)\.ts$/.test(path))
      .map(({ path }) => path);
    expect(vague).toEqual([]);
  });
});
