import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatWorkload, RunPlan } from '../../../harness/plan.ts';
import { readPrompts } from '../../../load/request/prompts-file.ts';
import { compileScenario } from '../../../scenarios/compile.ts';
import { freshSalt, withSalt } from '../../../scenarios/salt.ts';
import { apiBaseOf } from '../../../scenarios/target/base-url.ts';
import { validateScenario } from '../../../scenarios/validate.ts';

const SECRET = 'sk-very-secret';
let folder: string;
beforeAll(() => {
  process.env.SQUALL_TEST_KEY = SECRET;
  folder = mkdtempSync(join(tmpdir(), 'squall-requests-'));
  file('rows.jsonl', '{"prompt": "one", "id": 7}\n\n{"prompt": "two", "max_tokens": 5}\n');
  file('chats.jsonl', '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}\n');
  file('lines.txt', 'first prompt\r\nsecond prompt\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Options {
  readonly target?: string;
  readonly slo?: object;
  readonly model?: string;
}

function compile(load: object, { target, slo = {}, model }: Options = {}) {
  const slos = [{ name: 's', objective: 'errors <= 1%', ...slo }];
  const raw = { name: 'x', why: 'y', load: { stages: [{ at: '5/s', for: '5s' }], ...load }, slos };
  const base = target === undefined ? undefined : apiBaseOf(new URL(target));
  const where = { addresses: ['127.0.0.1'], port: 1, iOwnThisTarget: false, authorization: '' };
  const external = base && { ...where, url: base.url, base };
  const platform = external ? 'external' : 'process';
  const options = { seed: 1, platform, external, replay: 'npx squall run x.yaml', folder, model } as const;
  return compileScenario(validateScenario(raw, 'x.yaml'), options);
}

const planOf = (load: object, options?: Options): RunPlan => compile(load, options).plan;
const workloadOf = (workload: object, load: object = {}, target = 'http://h') =>
  planOf({ workload: { preset: 'chat-short', ...workload }, ...load }, { target }).load.workload as ChatWorkload;

function refusal(load: object, options?: Options): Error {
  try {
    compile(load, options);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was accepted');
}

describe('headers', () => {
  it('are references in the plan, by name in lower case, the later of two', () => {
    const headers = {
      'API-Key': 'env:SQUALL_TEST_KEY',
      Authorization: 'env:NONE',
      authorization: 'Bearer env:SQUALL_TEST_KEY',
    };
    const own = { 'X-Tenant': 42, ...headers };
    delete (own as Partial<typeof own>).Authorization;
    const plan = planOf({ headers: own });
    expect(plan.load.headers).toEqual({
      ...{ 'x-tenant': '42', 'api-key': 'env:SQUALL_TEST_KEY', authorization: 'Bearer env:SQUALL_TEST_KEY' },
    });
    expect(JSON.stringify(plan)).not.toContain(SECRET);
    expect(planOf({ headers: { 'X-A': '1', 'x-a': '2' } }).load.headers).toEqual({ 'x-a': '2' });
  });

  it.each([
    [{ headers: { 'X-API-Key': SECRET } }, /load\.headers\.X-API-Key.*env:API_KEY/],
    [{ headers: { authorization: `Bearer ${SECRET}` } }, /load\.headers\.authorization/],
    [{ headers: { 'x-team': SECRET } }, /load\.headers\.x-team/],
    [{ headers: { 'x-team': `${SECRET}\u00e9` } }, /load\.headers\.x-team.*printable ASCII/],
    [{ headers: { 'x team': SECRET } }, /header name/],
    [{ headers: { 'api-key': 'env:SQUALL_TEST_UNSET' } }, /load\.headers\.api-key.*env:SQUALL_TEST_UNSET/],
    [{ headers: { 'Content-Length': '5' } }, /load\.headers\.Content-Length.*left out/],
    [{ workload: { kind: 'http', path: '/', headers: { Cookie: SECRET } } }, /load\.workload\.headers\.Cookie/],
  ])('%j are refused by name, and their values never quoted', (load, why) => {
    const { message, next } = refusal(load) as Error & { next: string };
    expect(message).toMatch(why);
    expect(message + next).not.toContain(SECRET);
  });

  it('from the environment are credentials, which attackers need as well', () => {
    const headers = { 'api-key': 'env:SQUALL_TEST_KEY', 'x-team': 'search' };
    expect(compile({ headers }, { target: 'http://h' }).external?.credentials).toEqual({ 'api-key': SECRET });
  });

  it('of another environment are not looked up in this one', () => {
    const raw = {
      name: 'x',
      why: 'y',
      load: { stages: [{ at: '5/s', for: '5s' }], headers: { a: 'env:SQUALL_TEST_UNSET' } },
    };
    const scenario = validateScenario({ ...raw, slos: [{ name: 's', objective: 'errors <= 1%' }] }, 'x.yaml');
    const { plan } = compileScenario(scenario, { seed: 1, platform: 'process', replay: '', environment: null });
    expect(plan.load.headers).toEqual({ a: 'env:SQUALL_TEST_UNSET' });
  });
});

describe('the body', () => {
  it('is in the plan', () => {
    const body = { temperature: 0, min_tokens: '$outputTokens', stream_options: null };
    expect(planOf({ body }).load.body).toEqual(body);
  });

  it.each([
    [{ body: { messages: [] } }, /load\.body\.messages.*load\.workload/],
    [{ body: { model: 'x' } }, /load\.body\.model.*load\.model/],
    [{ body: { stream: false } }, /load\.body\.stream.*load\.workload\.stream/],
    [{ body: { a: 1 }, workload: { kind: 'http', path: '/' } }, /load\.body/],
    [{ path: '/x', workload: { kind: 'http', path: '/' } }, /load\.path/],
    [{ path: 'x' }, /load\.path.*slash/],
  ])('%j is refused where another field decides', (load, why) => expect(refusal(load).message).toMatch(why));
});

describe('paths', () => {
  it.each([
    ['http://h', {}, {}, undefined],
    ['http://h/v1', { api: 'completions' }, {}, undefined],
    ['http://h/openai?v=1', {}, {}, '/chat/completions?v=1'],
    ['http://h/v1?v=1', { api: 'embeddings' }, {}, '/v1/embeddings?v=1'],
    ['http://h/x/chat/completions', {}, {}, '/chat/completions'],
    ['http://h/v1?v=1', {}, { path: '/own' }, '/own?v=1'],
    ['http://h', {}, { path: '/own?a=b' }, '/own?a=b'],
  ])('of %s with %j and %j', (target, workload, load, path) => {
    expect(workloadOf(workload, load, target).path).toBe(path);
  });

  it('of plain HTTP have the query of the target, too', () => {
    const plan = planOf({ workload: { kind: 'http', path: '/health?a=b' } }, { target: 'http://h/v1?v=1' });
    expect(plan.load.workload.path).toBe('/health?a=b&v=1');
    expect(plan.target).toBe('http://h');
  });

  it('of a class are those of its API', () => {
    const classes = [{ name: 'c', workload: { api: 'completions' } }, { name: 'd' }];
    const target = 'http://h/x/chat/completions';
    const plan = planOf({ clients: { classes } }, { target });
    expect(plan.load.clients?.classes.map(({ workload }) => workload.kind !== 'http' && workload.path)).toEqual([
      ...['/completions', '/chat/completions'],
    ]);
    expect(refusal({ path: '/p', clients: { classes } }, { target }).message).toMatch(/classes\[0\]\.workload\.api/);
  });
});

describe('APIs', () => {
  it('without a stream are so in the plan', () => {
    expect(workloadOf({})).not.toHaveProperty('stream');
    expect(workloadOf({ stream: false }).stream).toBe(false);
    expect(workloadOf({ api: 'embeddings' })).toMatchObject({ api: 'embeddings', stream: false });
    const classes = [{ name: 'c', workload: { api: 'chat' } }];
    const load = { workload: { promptTokens: 9, api: 'embeddings' }, clients: { classes } };
    const plan = planOf(load, { target: 'http://h' });
    expect(plan.load.clients?.classes[0]?.workload).not.toHaveProperty('stream');
    expect(plan.load.clients?.classes[0]?.workload).not.toHaveProperty('api');
  });

  it.each([
    [{ workload: { preset: 'chat-short', stream: false } }, 'p95(ttft) <= 1 s'],
    [{ workload: { preset: 'chat-short', stream: false } }, 'p95(itl) <= 1 s'],
    [{ workload: { preset: 'chat-short', api: 'embeddings' } }, 'goodput(ttft 500 ms, latency 4 s) >= 9%'],
    [{ clients: { classes: [{ name: 'a', workload: { stream: false } }, { name: 'b' }] } }, 'p95(ttft) <= 1 s'],
  ])('%j refuse %s, which needs a stream', (load, objective) => {
    const { message } = refusal(load, { target: 'http://h', slo: { objective } });
    expect(message).toMatch(/slos\[0\]\.objective.*on latency of answers without a stream/);
  });

  it('without a stream are judged by latency, and a class with one by its tokens', () => {
    const whole = { workload: { preset: 'chat-short', stream: false } };
    expect(() => planOf(whole, { slo: { objective: 'p95(latency) <= 1 s' } })).not.toThrow();
    const classes = [{ name: 'a', workload: { stream: false } }, { name: 'b' }];
    expect(() =>
      planOf({ clients: { classes } }, { slo: { objective: 'p95(ttft) <= 1 s', class: 'b' } }),
    ).not.toThrow();
  });

  it.each([
    [{ api: 'embeddings' }, undefined, /load\.workload\.api.*--target/],
    [{ api: 'embeddings', stream: true }, 'http://h', /load\.workload\.stream/],
    [{ api: 'completions', sessions: { turns: 2 } }, 'http://h', /load\.workload\.sessions/],
    [{ prompts: { file: 'lines.txt' }, promptTokens: 5 }, 'http://h', /load\.workload\.promptTokens.*prompts/],
    [{ prompts: { file: 'lines.txt' }, sharedPrefix: { ratio: 1, tokens: 5 } }, 'http://h', /sharedPrefix/],
    [{ prompts: { file: 'lines.txt' }, sessions: { turns: 2 } }, 'http://h', /sessions/],
    [{ prompts: { file: 'chats.jsonl' }, api: 'completions' }, 'http://h', /prompts\.file.*messages in prompt 1/],
    [{ prompts: { file: 'none.txt' } }, 'http://h', /load\.workload\.prompts\.file.*no such file/],
    [{ prompts: { file: 'lines.txt', sha256: 'a'.repeat(64) } }, 'http://h', /SHA-256 a{64}/],
  ])('%j is refused', (workload, target, why) => {
    expect(refusal({ workload: { preset: 'chat-short', ...workload } }, target ? { target } : {}).message).toMatch(why);
  });
});

describe('the model', () => {
  it('is that which the target lists, pinned for a replay, unless the scenario names one', () => {
    const listed = planOf({}, { target: 'http://h', model: 'org/my-model' });
    expect(listed.load.workload.model).toBe('org/my-model');
    expect(listed.replay).toBe('npx squall run x.yaml --set load.model=org/my-model');
    expect(planOf({ model: 'own' }, { target: 'http://h', model: 'listed' }).replay).toBe('npx squall run x.yaml');
  });

  it.each([
    ["it's $(odd)", `'load.model=it'\\''s $(odd)'`],
    ['4.10', `'load.model="4.10"'`],
    ['true', `'load.model="true"'`],
    ['a: b', `'load.model="a: b"'`],
  ])('%s can be given back to a shell and to YAML', (model, word) => {
    expect(planOf({}, { target: 'http://h', model }).replay).toBe(`npx squall run x.yaml --set ${word}`);
  });
});

describe('prompts of a file', () => {
  it('are read as JSON lines or as text', () => {
    expect(readPrompts(join(folder, 'rows.jsonl'))).toEqual([
      { messages: [{ role: 'user', content: 'one' }], promptTokens: 1 },
      { messages: [{ role: 'user', content: 'two' }], promptTokens: 1, outputTokens: 5 },
    ]);
    expect(readPrompts(join(folder, 'chats.jsonl'))).toMatchObject([
      { promptTokens: 2, messages: [{ role: 'system' }, {}] },
    ]);
    expect(readPrompts(join(folder, 'lines.txt')).map(({ messages }) => messages[0]?.content)).toEqual([
      ...['first prompt', 'second prompt'],
    ]);
    const parts =
      '{"messages": [{"role": "user", "content": [{"type": "text", "text": "12345678"}, {"type": "image_url"}]}]}';
    expect(readPrompts(file('parts.jsonl', parts))).toMatchObject([{ promptTokens: 2 }]);
  });

  it.each([
    ['{"prompt": 5}', /line 1: expected `prompt`, a text/],
    ['{"prompt": ""}', /line 1: expected `prompt`/],
    ['{"text": "x"}', /line 1: expected `prompt`/],
    ['{"messages": []}', /`messages`, a list of objects/],
    ['{"messages": [{"content": "x"}]}', /`role`/],
    ['{"prompt": "x", "messages": [{"role": "user"}]}', /`prompt`.* or `messages`/],
    ['{"prompt": "x"}\nplain', /line 2: expected a JSON object, as in the first line, found another text/],
    ['{"prompt": "x", "max_tokens": 0}', /`max_tokens` to be a whole number/],
    ['{"prompt": "x", "max_tokens": "5"}', /`max_tokens`.*found "5"/],
    ['[{"prompt": "x"}]', /array/],
    ['\n \n', /found nothing/],
  ])('%j are refused with the line', (text, why) => {
    const path = file('bad.jsonl', text);
    expect(() => readPrompts(path)).toThrow(expect.objectContaining({ code: 'BAD_PROMPTS', next: expect.any(String) }));
    expect(() => readPrompts(path)).toThrow(why);
  });

  it('are in the plan by their hash, which a replay insists on, also those of a class', () => {
    const prompts = { file: 'rows.jsonl' };
    const plan = planOf({ workload: { prompts, outputTokens: 9 } });
    const { workload } = plan.load as { workload: ChatWorkload };
    expect(workload).toMatchObject({
      promptTokens: { kind: 'prompts' },
      prompts: { file: join(folder, 'rows.jsonl') },
    });
    expect(plan.replay).toContain(` --set load.workload.prompts.sha256=${workload.prompts!.sha256}`);
    const classes = [{ name: 'a', workload: { prompts } }, { name: 'b' }];
    const pins = planOf({ clients: { classes } }).replay.match(/load\.\S+(?==)/g);
    expect(pins).toEqual(['load.clients.classes.a.workload.prompts.sha256']);
  });
});

describe('a salt', () => {
  it('is another for each run, and one for runs that start together', () => {
    expect(freshSalt({ seed: 1, platform: 'process' })).toMatch(/^[0-9a-f]{10}$/);
    expect(freshSalt({ seed: 1, platform: 'process' })).not.toBe(freshSalt({ seed: 1, platform: 'process' }));
    const at = new Date('2030-01-31T12:00:00Z');
    expect(freshSalt({ seed: 1, platform: 'process' }, at)).toBe(freshSalt({ seed: 1, platform: 'process' }, at));
    expect(freshSalt({ seed: 1, platform: 'process' }, at)).not.toBe(
      freshSalt({ seed: 1, platform: 'process' }, new Date('2030-01-31T12:00:01Z')),
    );
  });

  it('is in plan and replay of a load with prompts', () => {
    const salted = withSalt(compile({}), 'abc').plan;
    expect(salted.load.salt).toBe('abc');
    expect(salted.replay).toBe('npx squall run x.yaml --salt abc');
    expect(withSalt(compile({}), '').plan.replay).toBe('npx squall run x.yaml --salt none');
    const plain = compile({ workload: { kind: 'http', path: '/' } });
    expect(withSalt(plain, 'abc')).toBe(plain);
  });
});
