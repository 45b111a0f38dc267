import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseObjective } from '../../reports/judge/objective.ts';
import { CLAIMS } from './readme-claims.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const README = read('README.md');
/** README, and the pages it leads to, but the requirements, whose tests the catalogue names. */
const PAGES = readdirSync(join(ROOT, 'docs')).filter(name => name.endsWith('.md') && name !== 'requirements.md');
const TEXT = [README, ...PAGES.map(name => read(`docs/${name}`))].join('\n');
const COMMANDS = [...TEXT.matchAll(/^npx squall (.*?)(?: {2,}.*| +#.*)?$/gm)].map(([, args]) => args!);
const USAGE = COMMANDS.filter(args => /[<…]/.test(args));
const CONCRETE = COMMANDS.filter(args => !/[<…]/.test(args));
/** Files that those commands name: the examples of README, and a scenario of one's own. */
const FILES = mkdtempSync(join(tmpdir(), 'squall-readme-'));
const MINE = `name: mine
why: Mine.
load: { stages: [{ at: 40/s, for: 15s }], workload: chat-short }
slos: [{ name: error rate, objective: errors <= 3% }]
`;

interface Said {
  readonly code: number;
  readonly text: string;
}

const squall = (args: readonly string[]): Promise<Said> =>
  new Promise(done => {
    execFile(process.execPath, [join(ROOT, 'cli/bin.js'), ...args], { cwd: FILES }, (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), text: stdout + stderr }),
    );
  });

/** Words of a command line; quotes hold blanks together. */
const wordsOf = (line: string) => [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);

beforeAll(() => {
  writeFileSync(join(FILES, 'mine.yaml'), MINE);
  for (const [, file, text] of TEXT.matchAll(/```yaml\n# ([\w-]+\.yaml).*?\n(.*?)```/gs))
    writeFileSync(join(FILES, file!), text!);
});
afterAll(() => rmSync(FILES, { recursive: true }));

describe('options in the documents', () => {
  it('are each one that some command has', { timeout: 120_000 }, async () => {
    // `tune hpa <file>` is two words.
    const names = [...USAGE, 'schema'].map(
      args => /^[a-z\d-]+(?: [a-z]+)*(?= <)/.exec(args)?.[0] ?? args.split(' ')[0]!,
    );
    const helps = await Promise.all([...new Set(names)].map(name => squall([...name.split(' '), '--help'])));
    const known = new Set(
      helps
        .map(({ text }) => text)
        .join('\n')
        .match(/--[a-z][\w-]+/g),
    );
    const ours = TEXT.split('\n').filter(line => !/\bnpm run|pip |apt-get |LiteLLM with/.test(line));
    const named = new Set(ours.join('\n').match(/(?<![\w-])--[a-z][\w-]+/g));
    expect([...named].filter(option => !known.has(option))).toEqual([]);
  });
});

/** What makes a command of README plan instead of run; a command that cannot is run by the test of a claim. */
function planned(line: string): string[] | undefined {
  // A time to come, and a name that is known without a network.
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const words = wordsOf(line.replace(/--start-at \S+/, `--start-at ${soon}`).replace('llm.example', 'localhost'));
  if (words[0] === 'run') return [...words, '--dry-run'];
  if (words.includes('--help') || words.includes('--dry-run') || ['list', 'schema'].includes(words[0]!)) return words;
  return undefined;
}

describe('commands in the documents', () => {
  it('are found', () => {
    expect(USAGE.length).toBeGreaterThan(8);
    expect(CONCRETE.length).toBeGreaterThan(4);
  });

  it.concurrent.each(CONCRETE.filter(planned))('npx squall %s', async line => {
    const { code, text } = await squall(planned(line)!);
    expect(code, text).toBe(0);
  });

  it('are all run, here or by the test of a claim', () => {
    const elsewhere = CONCRETE.filter(line => !planned(line));
    const missing = elsewhere.filter(line => !CLAIMS.some(({ says }) => `npx squall ${line}`.includes(says)));
    expect(missing).toEqual([]);
  });
});

it('objectives in the documents can all be written so', () => {
  const inline = [...TEXT.matchAll(/`([^`\n]+ (?:<=|>=|<|>) [^`\n]+)`/g)].map(([, text]) => text!);
  const quoted = [...TEXT.matchAll(/objective: "?([^"}\n]+?)"? *}/g)].map(([, text]) => text!);
  const objectives = [...inline, ...quoted].filter(
    text => /^[a-z][\w.]*(\(| [<>])/.test(text) && !/[<][a-z]/.test(text),
  );
  expect(objectives.length).toBeGreaterThan(10);
  for (const text of objectives) expect(() => parseObjective(text), text).not.toThrow();
});

it('files that the documents refer to are there, and README leads to every page', () => {
  const linksOf = (text: string) => [...text.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path]) => path!);
  expect(linksOf(README).filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
  for (const name of PAGES) {
    expect(
      linksOf(read(`docs/${name}`)).filter(path => !existsSync(join(ROOT, 'docs', path))),
      name,
    ).toEqual([]);
    expect(README).toContain(`(docs/${name})`);
  }
  expect(README.split('\n').length).toBeLessThanOrEqual(200);
});

describe('claims of the documents', () => {
  const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');

  it.each(CLAIMS)('$says', ({ says, test, title }) => {
    expect(oneLine(TEXT).includes(says), 'the documents have other words now: change the claim with them').toBe(true);
    expect(read(test).includes(title), `no such test in ${test}`).toBe(true);
  });
});
