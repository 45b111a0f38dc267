import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { beforeAll, expect, it } from 'vitest';
import { requireValues } from '../../cli/options.ts';

const CLI = resolve(import.meta.dirname, '../../cli');
type Define = (command: Command, signal: AbortSignal) => void | Promise<void>;

/** All commands, by the names of the functions that define them. */
const defines = new Map<string, Define>();
beforeAll(async () => {
  for (const file of globSync('**/*.ts', { cwd: CLI, exclude: ['{api,main}.ts'] }))
    for (const [name, value] of Object.entries(await import(resolve(CLI, file))))
      if (/^define[A-Z]/.test(name)) defines.set(name, value as Define);
});

/** A command that does nothing. */
async function commandOf(define: Define): Promise<Command> {
  const command = new Command('it').exitOverride().configureOutput({ writeErr: () => {} });
  await define(command, new AbortController().signal);
  requireValues(command);
  return command.action(() => {});
}

it('knows all commands', () => {
  expect(defines.size).toBe(18);
});

it('refuses an empty value, blanks and another option for each option of each command, by its name', async () => {
  let count = 0;
  for (const [name, define] of defines) {
    const { options } = await commandOf(define);
    for (const { long, required } of options.filter(option => option.required || option.optional)) {
      expect(required).toBe(true);
      for (const [value, found] of [
        ['', 'none'],
        [' \t', 'none'],
        ['--help', 'an option'],
        ['--no-such-thing', 'an option'],
      ] as const) {
        const command = await commandOf(define);
        await expect(
          command.parseAsync([long!, value], { from: 'user' }),
          `${name} ${long} "${value}"`,
        ).rejects.toMatchObject({ message: expect.stringMatching(`'.*${long} .*Expected a value, got ${found}\\.$`) });
        count += 1;
      }
    }
  }
  expect(count).toBeGreaterThan(400);
});

it('refuses empty arguments, and leaves the others as they were', async () => {
  for (const [name, define] of defines) {
    const { registeredArguments, options } = await commandOf(define);
    const needed = options.filter(({ mandatory }) => mandatory).flatMap(({ long }) => [long!, 'http://x']);
    for (const [index, argument] of registeredArguments.entries()) {
      const before = registeredArguments.slice(0, index).map(({ argChoices }) => argChoices?.[0] ?? 'x');
      const parsed = (...words: string[]) =>
        commandOf(define).then(command => command.parseAsync([...needed, ...before, ...words], { from: 'user' }));
      const after = registeredArguments.slice(index + 1).map(() => 'x');
      await expect(parsed('  ', ...after), `${name} ${argument.name()}`).rejects.toThrow(/Expected a value, got none/);
    }
  }
  const command = new Command('it')
    .argument('<one>')
    .argument('[more...]')
    .option('--set <x>', '', (x, all: string[]) => [...all, x], []);
  requireValues(command);
  command.action(() => {}).parse(['a', '--set', '-1', 'b', '--set', 'y', 'c'], { from: 'user' });
  expect(command.processedArgs).toEqual(['a', ['b', 'c']]);
  expect(command.opts()).toEqual({ set: ['-1', 'y'] });
});

it.each([
  ['defineTrend', '--commit', 'a b', /Expected a commit/],
  ['defineK6Operator', '--secret', 'a b', /Expected the name of a Secret/],
  ['defineK6Operator', '--image', 'a\nb', /Expected the name of an image/],
  ['defineAttack', '--control', 'x', /Expected chat, or a path/],
  ['defineAttack', '--path', 'x', /Expected a path that begins with a slash/],
  ['defineAttack', '--connections', 'x', /Expected a whole number from 1 to/],
  ['defineRun', '--header', 'sk-secret', /^Expected --header to be a name and a value, got something else$/],
])('%s refuses %s "%s"', async (name, option, value, message) => {
  const command = await commandOf(defines.get(name)!);
  await expect(command.parseAsync([option, value], { from: 'user' })).rejects.toThrow(message);
});
