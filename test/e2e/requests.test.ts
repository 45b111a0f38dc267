import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { begin, chunkOf, DONE } from '../load/fixtures/answers.ts';
import { expectRefusal, onlyRun, squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/requests.yaml');
const SECRET = 'very-secret-4711';
const ENV = { SQUALL_TEST_KEY: SECRET };

interface Seen {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
}

let server: Server;
let origin: string;
let seen: Seen[] = [];
let asked: string[] = [];

/** Answers chats under `/deep/v1`, if the key and the query are right, lists two models, and quotes the key in some answers after the warm-up. */
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { url = '', headers, method } = request;
    if (method === 'GET') {
      asked.push(url);
      const isRight = url === '/deep/v1/models?api-version=7' && headers['api-key'] === SECRET;
      return response.writeHead(isRight ? 200 : 404).end('{"data": [{"id": "first/model"}, {"id": "other"}]}');
    }
    seen.push({ url, headers, body: JSON.parse(await text(request)) });
    if (headers['api-key'] !== SECRET || (seen.length > 25 && seen.length % 10 === 0))
      return response.writeHead(401).end(`{"error": "the key ${headers['api-key']} is not the one"}`);
    begin(response);
    response.end(chunkOf('a') + chunkOf('b') + DONE);
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

/** What a command made the server see, and its document. */
async function watched(args: readonly string[], out: string) {
  seen = [];
  asked = [];
  const { stdout, stderr } = await squall([...args, '--out', out, '--json'], ENV);
  expect(stdout, stderr).toMatch(/^\{/);
  const document = JSON.parse(stdout) as RunDocument;
  expect(document.verdict, document.reasons.join('\n')).not.toBe('invalid');
  return { document, seen, asked, printed: stdout + stderr };
}

const promptsOf = (requests: readonly Seen[]) =>
  [...new Set(requests.map(({ body }) => JSON.stringify(body.messages)))].sort();

function sharedCharacters(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

describe('what is sent to a target', () => {
  it('is what the scenario and the command line say, again in a replay, and to no cache that another run filled', async () => {
    using out = temporaryFolder();
    const target = ['run', SCENARIO, '--target', `${origin}/deep/v1?api-version=7`, '-H', 'X-Team: search'];
    const one = await watched(target, join(out.path, 'one'));
    expect(one.asked).toEqual(['/deep/v1/models?api-version=7']);
    expect(one.printed).toContain('first/model, the first of 2 that the target lists');
    // Those of the load, of the warm-up, and any before them.
    expect(one.seen.length).toBeGreaterThanOrEqual(one.document.load.sent + 20);
    for (const { url, headers, body } of one.seen) {
      expect(url).toBe('/deep/v1/chat/completions?api-version=7');
      expect(headers).toMatchObject({ 'api-key': SECRET, 'x-team': 'search' });
      expect(body).toMatchObject({ model: 'first/model', temperature: 0, stream: true });
      expect(body.max_completion_tokens).toSatisfy((tokens: number) => tokens >= 1 && tokens <= 8);
      expect(body).not.toHaveProperty('max_tokens');
    }
    const { directory, events } = onlyRun(join(out.path, 'one'));
    const files = readdirSync(directory).map(file => readFileSync(join(directory, file), 'latin1'));
    for (const written of [...files, one.printed]) expect(written).not.toContain(SECRET);
    expect(events()).toContain('"api-key":"env:SQUALL_TEST_KEY"');
    expect(events()).toMatch(/"salt":"[0-9a-f]{10}"/);
    expect(one.document.replay).toMatch(
      /--header 'X-Team: search' .*--set load\.model=first\/model --salt [0-9a-f]{10}/,
    );

    const words = execFileSync('sh', ['-c', `for word in ${one.document.replay}; do echo "$word"; done`]).toString();
    const [, , ...replay] = words
      .trim()
      .split('\n')
      .map(word => (word.endsWith('requests.yaml') ? resolve(word) : word));
    const before = promptsOf(one.seen);
    const again = await watched(replay, join(out.path, 'again'));
    expect(promptsOf(again.seen)).toEqual(before);
    expect(again.asked).toEqual([]);

    const other = await watched(target, join(out.path, 'other'));
    const sorted = [...new Set([...before, ...promptsOf(other.seen)])].sort();
    // No two prompts share more than a shared prefix does, and none of another run that much.
    const start = '[{"role":"user","content":"'.length;
    for (const [index, prompt] of sorted.slice(1).entries()) {
      const common = sharedCharacters(sorted[index]!, prompt) - start;
      const isOneRun = before.includes(prompt) === before.includes(sorted[index]!);
      expect(common, `${sorted[index]}\n${prompt}`).toBeLessThan(isOneRun ? 12 * 4 + 8 : 8);
    }
  });

  it.concurrent.each([
    ['a literal key', ['-H', `Authorization: Bearer ${SECRET}`], [/load\.headers\.authorization/, /Bearer env:/]],
    ['no header', ['-H', SECRET], [/name and a value/]],
    ['a salt that is none', ['--salt', 'a b'], [/letters, digits/]],
  ])('is refused for %s', async (_, args, patterns) => {
    const { stdout, stderr } = await expectRefusal(['run', SCENARIO, '--target', origin, ...args], 3, patterns, ENV);
    // The parser of options quotes what is no header at all.
    expect(stdout + stderr.replace(/argument '.*?' is invalid/, '')).not.toContain(SECRET);
  });

  it.concurrent('needs a model: a target that lists none is an error that says what to do', async () => {
    const args = ['run', SCENARIO, '--target', origin];
    await expectRefusal(args, 4, [/list a model at \/v1\/models, but: status 404/, /--set load\.model=/], ENV);
  });
});
