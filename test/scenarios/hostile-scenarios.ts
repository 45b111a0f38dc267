import { stringify } from 'yaml';
import { type Random, seededRandom } from '../../harness/random.ts';

/** A scenario file as somebody might hand it over: what is wrong with it, and its bytes. */
export interface HostileFile {
  readonly name: string;
  readonly bytes: Buffer;
}

const SOUND = {
  name: 'sound',
  why: 'A base to change.',
  stack: { gateway: { replicas: 1 }, inference: { replicas: 2 }, timeScale: 60 },
  load: {
    stages: [{ name: 'hold', at: '20/s', for: '10s' }],
    workload: { preset: 'chat-short', promptTokens: { kind: 'empirical', values: [1, 2] } },
    clients: { retry: 'budgeted', classes: [{ name: 'vip', key: 'vip-key' }] },
    body: { temperature: 0.5 },
  },
  faults: [{ id: 'kill', kind: 'kill', on: 'inference-2', at: '2s' }],
  slos: [{ name: 'errors', objective: 'errors <= 3%' }],
  proof: [{ without: 'retries', set: { 'stack.gateway.retries': 0 }, breaks: 'errors' }],
};

const list = <Item>(count: number, item: (index: number) => Item) => Array.from({ length: count }, (_, i) => item(i));
const lines = (count: number, line: (index: number) => string) => list(count, line).join('\n');
const sound = stringify(SOUND);
const with_ = (changes: object) => JSON.stringify({ ...SOUND, ...changes });
const load = (changes: object) => with_({ load: { ...SOUND.load, ...changes } });
const nest = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels);
const bomb = [
  'a0: &a0 [x, x, x, x, x, x, x, x, x]',
  lines(8, i => `a${i + 1}: &a${i + 1} [${list(9, () => `*a${i}`).join(', ')}]`),
].join('\n');

/** Files that are too large, too deep, too many, or pretend to be something else; each of a kind of its own. */
const CRAFTED: Readonly<Record<string, string | Buffer>> = {
  '20,000 unknown keys': `${sound}${lines(20_000, i => `k${i}: 1`)}`,
  '100,000 unknown keys': `${sound}${lines(100_000, i => `k${i}: 1`)}`,
  '3000 unknown keys of a stage': load({ stages: [Object.fromEntries(list(3000, i => [`at${i}`, '1/s']))] }),
  'an alias bomb': `${sound}${bomb}`,
  'aliases below the limit of the parser': `${sound}x: &x [1, 2]\ny: [${list(90, () => '*x').join(', ')}]`,
  'an alias of itself': `${sound}x: &x [*x]`,
  'merge keys': `${sound}x: &x { a: 1 }\ny: { <<: *x }`,
  'YAML 1.1': `%YAML 1.1\n---\n${sound}x: !!binary aGVsbG8=\ny: !!set {a, b}\nz: 2001-01-01\n<<: { a: 1 }`,
  tags: `${sound}x: !!js/function "function () { throw 1 }"\ny: !<tag:x> 1`,
  '4000 stages': load({ stages: list(4000, i => ({ at: `${i + 1}/s`, for: '1s' })) }),
  '1000 stages': load({ stages: list(1000, i => ({ at: `${(i % 9) + 1}/s`, for: '1s' })) }),
  '600 sinusoids': load({
    stages: list(600, () => ({ sinusoid: { mean: '2/s', amplitude: '1/s', period: '10ms' }, for: '10s' })),
  }),
  '3000 SLOs': with_({ slos: list(3000, i => ({ name: `slo ${i}`, objective: 'errors <= 1%' })) }),
  '1000 SLOs': with_({
    slos: list(1000, i => ({ name: `slo ${i}`, objective: 'errors <= 1%', window: 'fault:kill' })),
  }),
  '1000 equal SLOs': with_({ slos: list(1000, () => SOUND.slos[0]) }),
  '1000 faults': with_({ faults: list(1000, i => ({ ...SOUND.faults[0], id: `k${i}` })) }),
  '2000 faults': with_({ faults: list(2000, i => ({ ...SOUND.faults[0], id: `k${i}` })) }),
  '500 proofs': with_({ proof: list(500, () => SOUND.proof[0]) }),
  '1000 classes': load({
    clients: { classes: list(1000, i => ({ name: `c${i}`, key: `key${i}`, workload: { outputTokens: 5 } })) },
  }),
  '5000 requirements': with_({ covers: list(5000, i => `R${i}`) }),
  '100,000 wrong values': load({
    workload: { preset: 'chat-short', promptTokens: { kind: 'empirical', values: list(60_000, () => 'x') } },
  }),
  'deep brackets': `${sound}x: ${nest(100_000, '[', ']')}`,
  'deep objects': `${sound}x: ${nest(20_000, '{a: ', '}')}`,
  'brackets without end': '['.repeat(200_000),
  'deep dashes': '- '.repeat(100_000),
  'deep keys': '? '.repeat(100_000),
  'deep indentation': lines(600, i => `${' '.repeat(i)}a:`),
  'deep body': load({ body: JSON.parse(nest(63, '[', ']')) }),
  'deeper body': load({ body: { a: JSON.parse(nest(200, '[', ']')) } }),
  'only colons': ': '.repeat(100_000),
  'only anchors': lines(20_000, i => `k${i}: &a${i} 1`),
  'only comments': '# x\n'.repeat(60_000),
  'only documents': '---\n'.repeat(60_000),
  'a long text': with_({ why: 'x'.repeat(200_000) }),
  'a long name': with_({ name: 'x'.repeat(200_000) }),
  'a long key': `${sound}${'k'.repeat(100_000)}: 1`,
  'a long objective': with_({ slos: [{ name: 'x', objective: `p99(${'('.repeat(100_000)}) <= 1 s` }] }),
  'a long duration': load({ stages: [{ at: '1/s', for: '1s '.repeat(50_000) }] }),
  'a long number': load({ stages: [{ at: `${'9'.repeat(100_000)}/s`, for: '1s' }] }),
  'huge rates': load({ stages: [{ at: '99999999999/s', for: '99h' }] }),
  'an infinite rate': load({ stages: [{ at: `${'9'.repeat(400)}/s`, for: '1s' }] }),
  'no numbers': `${sound}x: [.nan, .inf, -.inf, 1e999, 0x1p9, -0]`,
  'no number for a number': sound.replace('timeScale: 60', 'timeScale: .nan'),
  'an infinite number': sound.replace('timeScale: 60', 'timeScale: .inf'),
  __proto__: `${sound}__proto__: { polluted: true }`,
  'a nested __proto__': JSON.stringify(SOUND).replace('"temperature"', '"__proto__"'),
  'constructor and prototype': `${sound}constructor: { prototype: { polluted: true } }\ntoString: 1\nhasOwnProperty: 1`,
  'duplicate keys': `${sound}name: other`,
  'control characters': with_({ why: '\x1b[2J\x07\x00\x9b31m\u202e', '\x1b]0;x\x07': 1 }),
  'raw control characters': Buffer.from(`${sound}"\x1b[31m": "\x07"`),
  'a byte order mark': Buffer.from(`\uFEFF${sound}`),
  'UTF-16': Buffer.from(`\uFEFF${sound}`, 'utf16le'),
  'bytes of 0': Buffer.from(`${sound}x: a\0b`),
  'other bytes': Buffer.from([0xff, 0xfe, 0x80, 0x81, 0xc0, 0xaf, 0xf5]),
  'a key file': '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n',
  'a file of passwords': 'root:$6$secret$hunter2:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n',
  'a trace without end': load({ trace: { file: '/dev/zero' }, arrivals: 'trace', stages: undefined }),
  'a trace of secrets': load({ trace: { file: '/etc/passwd' }, arrivals: 'trace', stages: undefined }),
  'prompts that are no file': load({ workload: { preset: 'chat-short', prompts: { file: '/dev/tty' } } }),
  'prompts that are a folder': load({ workload: { preset: 'chat-short', prompts: { file: '.' } } }),
  'a path with a byte of 0': load({ trace: { file: 'a\0b' }, arrivals: 'trace', stages: undefined }),
  'a list': '[1, 2, 3]',
  'a text': 'hello',
  nothing: '',
  'a number': '42',
};

/** Values that fit almost nowhere. */
const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1e308,
    2 ** 53,
    0.1,
    '',
    ' ',
    'x',
    '\x1b[31m',
    '\u202e',
    '../../etc/passwd',
    '$HOME',
    '`id`',
  ],
  ...[
    '-1s',
    '1e9s',
    '9'.repeat(50),
    '0/s',
    '1/0s',
    'p99(ttft) <= 1 s',
    'fault:kill',
    'gateway->inference-1',
    'env:NOPE',
    '__proto__',
  ],
  ...[
    [],
    {},
    [[]],
    [null],
    { kind: 'x' },
    { kind: null },
    { a: { b: { c: 1 } } },
    list(2000, i => i),
    'x'.repeat(5000),
  ],
];
const KEYS = ['constructor', 'toString', 'kind', 'name', '\x1b[31m', 'a.b', '', '0', 'at', 'for', 'x'.repeat(300)];

/**
 * `count` files: all crafted ones, then changes of the given scenarios, of their values or of their text.
 * @param bases scenarios beside our own
 */
export function hostileFiles(count: number, bases: readonly unknown[], seed: number): HostileFile[] {
  const crafted = Object.entries(CRAFTED).map(([name, text]) => ({ name, bytes: Buffer.from(text as string) }));
  const random = seededRandom(seed);
  const all = [SOUND, ...bases];
  const changed = list(count - crafted.length, i => {
    const base = structuredClone(random.pick(all));
    const isOfValues = random.next() < 0.6;
    if (isOfValues) for (let n = random.integer(1, 3); n > 0; n--) changeValue(base, random);
    const text = random.next() < 0.5 ? stringify(base) : JSON.stringify(base);
    const bytes = Buffer.from(text);
    return { name: `change ${i}`, bytes: isOfValues ? bytes : changeText(bytes, random) };
  });
  return [...crafted, ...changed];
}

function changeValue(root: unknown, random: Random): void {
  let parent = root as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(parent);
    const key = keys.length === 0 ? 'x' : random.pick(keys);
    const child = parent[key];
    const isEnd = typeof child !== 'object' || child === null || Object.keys(child).length === 0;
    if (!isEnd && random.next() < 0.75) {
      parent = child as Record<string, unknown>;
      continue;
    }
    const change = random.integer(0, 4);
    if (change === 0) delete parent[key];
    else if (change === 1) parent[random.pick(KEYS)] = structuredClone(random.pick(VALUES));
    else if (change === 2) parent[key] = list(random.integer(2, 300), () => child);
    else parent[key] = structuredClone(random.pick(VALUES));
    return;
  }
}

function changeText(bytes: Buffer, random: Random): Buffer {
  const at = random.integer(0, bytes.length - 1);
  const to = Math.min(bytes.length, at + random.integer(1, 40));
  const parts = [
    '*x',
    '&x ',
    '!!map ',
    '{',
    '[',
    '"',
    "'",
    '\t',
    '\0',
    '\x1b',
    '- ',
    '? ',
    ': ',
    '|\n',
    '>-\n',
    '<<: ',
    '%',
    '@',
    '\u2028',
  ];
  const kinds = [
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]),
    () => Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(parts)), bytes.subarray(at)]),
    () => Buffer.concat([bytes, bytes]),
    () =>
      Buffer.concat([bytes.subarray(0, at), Buffer.from(list(8, () => random.integer(0, 255))), bytes.subarray(at)]),
    () => Buffer.from(bytes.toString().replaceAll(random.pick(['\n', ':', '  ', '"', 's']), random.pick(parts))),
  ];
  return random.pick(kinds)();
}
