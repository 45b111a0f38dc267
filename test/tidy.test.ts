import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const ROOMS = ['harness', 'stack', 'faults', 'reports', 'scenarios', 'test'] as const;
const MAX_LINES = 300;
const SMALL = ['stack', 'faults', 'reports'];

/** What a room may import at run time. `import type` between stack, faults and reports is free. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  harness: ['harness'],
  stack: ['stack', 'harness'],
  faults: ['faults', 'harness'],
  reports: ['reports', 'harness'],
  scenarios: ['scenarios', 'stack', 'faults', 'reports', 'harness', 'package.json'],
  test: ['test', 'scenarios', 'stack', 'faults', 'reports', 'harness', 'package.json'],
};

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
}

/** Every import arrow of a file that points where its room must not. */
function wrongArrows({ path, room, text }: Source): string[] {
  return [...text.matchAll(/^\s*(?:import|export)\s+(type\s+)?[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'/gm)].flatMap(
    match => {
      const target = match[2] ?? match[3]!;
      if (!target.startsWith('.'))
        return room === 'harness' && !target.startsWith('node:') ? [`${path} imports the package ${target}`] : [];
      const to = relative(ROOT, resolve(ROOT, dirname(path), target)).split('/')[0]!;
      const typesOnly = match[1] !== undefined && SMALL.includes(room) && SMALL.includes(to);
      return MAY_IMPORT[room]!.includes(to) || typesOnly ? [] : [`${path} imports ${to}/`];
    },
  );
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

  it('finds an arrow that points up', () => {
    const at = (room: string, text: string) => wrongArrows({ path: `${room}/a.ts`, room, text });
    expect(at('harness', `import { x } from '../stack/x.ts';`)).toEqual(['harness/a.ts imports stack/']);
    expect(at('harness', `import { z } from 'zod';`)).toEqual(['harness/a.ts imports the package zod']);
    expect(at('faults', `import { x } from '../reports/x.ts';`)).toEqual(['faults/a.ts imports reports/']);
    expect(at('faults', `import type { X } from '../reports/x.ts';`)).toEqual([]);
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
