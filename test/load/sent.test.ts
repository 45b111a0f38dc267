import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatWorkload } from '../../harness/plan.ts';
import { readPrompts } from '../../load/request/prompts-file.ts';
import { buildRequest } from '../../load/request/request.ts';
import { hashFile } from '../../load/trace/lines.ts';
import { ENGINES } from './engines.ts';
import { type RigOptions, runLoad } from './rig.ts';
import { type Asked, serve, stream } from './server.ts';

const SECRET = 'very-secret-4711';
let folder: string;
let prompts: NonNullable<ChatWorkload['prompts']>;
beforeAll(() => {
  process.env.SQUALL_TEST_KEY = SECRET;
  folder = mkdtempSync(join(tmpdir(), 'squall-sent-'));
  const file = join(folder, 'prompts.jsonl');
  const rows = Array.from({ length: 50 }, (_, n) => ({ prompt: `prompt ${n} é`, ...(n % 2 && { max_tokens: n }) }));
  writeFileSync(file, rows.map(row => JSON.stringify(row)).join('\n'));
  prompts = { file, sha256: hashFile(file, 'prompts') };
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(ENGINES)('a request by $name', ({ name, engine, skipped }) => {
  const isProbe = name === 'autocannon';
  const sentFor = async (
    workload: Partial<ChatWorkload>,
    plan: Partial<RigOptions> = {},
  ): Promise<readonly Asked[]> => {
    await using server = await serve((_, response) => stream(response));
    const chat = { name: 'w', model: 'm', promptTokens: [8, 20], outputTokens: [5, 9] } as const;
    const shape = isProbe
      ? { connections: 2, perSecond: 0, forMs: 1500, arrivals: { kind: 'closed', thinkTimeMs: [0, 0] } as const }
      : { perSecond: 30, forMs: 1000, maxInFlight: 50 };
    await runLoad(
      { targets: [`${server.url}/deep`], ...shape, ...plan, workload: { ...chat, ...workload } },
      { engine },
    );
    expect(server.asked.length).toBeGreaterThan(20);
    return server.asked;
  };

  it.skipIf(Boolean(skipped))('is that of the plan, to the byte, with prompts of a file', async () => {
    const workload = {
      api: 'completions',
      path: '/openai/completions?v=1',
      promptTokens: { kind: 'prompts' },
      prompts,
    } as const;
    const headers = {
      'api-key': 'env:SQUALL_TEST_KEY',
      authorization: 'Bearer env:SQUALL_TEST_KEY',
      'user-agent': 'mine',
    };
    const body = { temperature: 0, max_completion_tokens: '$outputTokens', nested: { a: [1] } };
    const asked = await sentFor(workload, { headers, body, salt: 'abc' });
    const rows = readPrompts(prompts.file);
    const expected = (index: number) => {
      const whole = { name: 'w', model: 'm', outputTokens: [5, 9], ...workload } as const;
      const position = { session: index, turn: 0, source: { rows } };
      return buildRequest(whole, index, { runId: 'a-run', seed: 1, salt: 'abc', body, authorization: '' }, position)
        .body;
    };
    for (const one of asked) {
      expect(one.path).toBe('/deep/openai/completions?v=1');
      expect(one.headers).toMatchObject({ 'api-key': SECRET, authorization: `Bearer ${SECRET}`, 'user-agent': 'mine' });
      const { stream_options: _, ...sent } = JSON.parse(one.body);
      expect(sent).toEqual(JSON.parse(expected(Number(String(one.headers['x-request-id']).split('-').at(-1)))));
      expect(sent.prompt).toMatch(/^[a-z0-9]{8} prompt \d+ é$/);
    }
    expect(new Set(asked.map(one => JSON.parse(one.body).prompt)).size).toBeGreaterThan(5);
  });

  it.skipIf(Boolean(skipped))('for embeddings has an input of its own', async () => {
    const asked = await sentFor({ api: 'embeddings', stream: false }, { salt: 'abc' });
    expect(new Set(asked.map(({ path }) => path))).toEqual(new Set(['/deep/v1/embeddings']));
    const bodies = asked.map(({ body }) => JSON.parse(body));
    expect(new Set(bodies.map(({ input }) => input)).size).toBe(bodies.length);
    for (const body of bodies) expect(body).toEqual({ model: 'm', input: expect.stringMatching(/^[a-z0-9]{8} /) });
  });
});
