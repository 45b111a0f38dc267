import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { leastConnections } from '../../../../stack/gateway/balancing/balancer.ts';
import { prefixAware } from '../../../../stack/gateway/balancing/prefix.ts';
import { PrefixTable } from '../../../../stack/gateway/balancing/prefix-table.ts';
import { chat, counted, type Replica, replicas } from './candidates.ts';

const options = { blockBytes: 64, maxBlocks: 64, tableBlocks: 4096, maxLoad: 1.25, minLoad: 4 };

function policy(changes: Partial<typeof options> = {}, seed = 1) {
  const reasons: string[] = [];
  const fallback = leastConnections(seededRandom(seed));
  const pick = prefixAware({ ...options, ...changes, seed, fallback, onPick: reason => reasons.push(reason) });
  return { reasons, pick: (candidates: readonly Replica[], body: object) => pick(candidates, chat(body), 0) };
}

/** The body of turn `turn` of a conversation; fields before the prompt differ from turn to turn. */
function turnOf(conversation: string, turn: number, system = '') {
  const messages = Array.from({ length: turn + 1 }, (_, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: `${index === 0 ? system : ''}${conversation} ${index} `.padEnd(200, conversation),
  }));
  return { max_tokens: turn, model: 'm', messages, stream: true };
}

test('all turns of a conversation go where its first did', () => {
  const { pick, reasons } = policy();
  const candidates = replicas(0, 0, 0, 0);
  const homes = Array.from({ length: 40 }, (_, nth) => pick(candidates, turnOf(`c${nth}`, 0)).name);
  for (let turn = 1; turn < 6; turn += 1)
    expect(homes.map((_, nth) => pick(candidates, turnOf(`c${nth}`, turn)).name)).toEqual(homes);
  expect(counted(homes).size).toBe(4);
  expect(counted(reasons)).toEqual(
    new Map([
      ['unknown', 40],
      ['known', 200],
    ]),
  );
});

test('of several that know a prompt, the one that knows most of it gets it', () => {
  const { pick } = policy();
  const [a, b] = replicas(0, 0);
  const system = 'you are helpful '.repeat(20);
  pick([a!], turnOf('first', 0, system));
  pick([b!], turnOf('second', 0, system));
  for (let round = 0; round < 20; round += 1) {
    expect(pick([a!, b!], turnOf('first', 2, system)).name).toBe('a1');
    expect(pick([a!, b!], turnOf('second', 2, system)).name).toBe('a2');
  }
});

test('what all conversations begin with spreads over all upstreams with the load', () => {
  const { pick } = policy();
  const candidates = replicas(0, 0, 0, 0);
  const system = 'you are helpful '.repeat(20);
  for (let nth = 0; nth < 80; nth += 1) pick(candidates, turnOf(`c${nth}`, 0, system)).inFlight += 1;
  for (const { inFlight } of candidates) expect(inFlight).toBeLessThanOrEqual(25);
});

/** Requests of few conversations that come and go; the largest load beyond the bound. @param own bound of the policy, if it has another */
function flood(seed: number, bound: Partial<typeof options>, own = bound): number {
  const random = seededRandom(seed);
  const { maxLoad, minLoad } = { ...options, ...bound };
  const { pick } = policy(own, seed);
  const candidates = replicas(...Array<number>(random.integer(2, 8)).fill(0));
  const running: Replica[] = [];
  let excess = 0;
  for (let step = 0; step < 600; step += 1) {
    if (random.next() < 0.4 && running.length > 0) {
      running.splice(random.integer(0, running.length - 1), 1)[0]!.inFlight -= 1;
      continue;
    }
    const conversation = random.next() < 0.6 ? 'hot' : `c${random.integer(1, 9)}`;
    const picked = pick(candidates, turnOf(conversation, random.integer(0, 4)));
    picked.inFlight += 1;
    running.push(picked);
    const limit = Math.max(minLoad, Math.ceil((maxLoad * running.length) / candidates.length));
    excess = Math.max(excess, picked.inFlight - limit);
  }
  return excess;
}

const seeds = Array.from({ length: 30 }, (_, seed) => seed);

test('no upstream is ever given more than its bound', () => {
  for (const changes of [{}, { minLoad: 1 }, { minLoad: 1, maxLoad: 1 }, { minLoad: 1, maxLoad: 2 }])
    expect(Math.max(...seeds.map(seed => flood(seed, changes)))).toBeLessThanOrEqual(0);
});

test('the same check catches a policy that never lets go', () => {
  expect(Math.max(...seeds.map(seed => flood(seed, {}, { minLoad: 100_000 })))).toBeGreaterThan(20);
});

test('an upstream that is full gets a conversation back when it has room again', () => {
  const { pick, reasons } = policy({ minLoad: 1 });
  const [a, b] = replicas(0, 0);
  expect(pick([a!], turnOf('c', 2)).name).toBe('a1');
  a!.inFlight = 9;
  expect(pick([a!, b!], turnOf('c', 4)).name).toBe('a2');
  expect(reasons.at(-1)).toBe('full');
  a!.inFlight = 0;
  b!.inFlight = 9;
  expect(pick([a!, b!], turnOf('c', 4)).name).toBe('a1');
});

test('an upstream that is gone is forgotten, and prompts shorter than a block are balanced by connections', () => {
  const { pick, reasons } = policy();
  const [a, b] = replicas(3, 5);
  pick([b!], turnOf('c', 2));
  expect(pick([a!], turnOf('c', 4)).name).toBe('a1');
  expect(pick([a!, b!], { messages: [{ role: 'user', content: 'hi' }] }).name).toBe('a1');
  expect(reasons.at(-1)).toBe('unknown');
});

test('the table keeps the beginnings used last, and no more than it may', () => {
  const table = new PrefixTable(100);
  const random = seededRandom(5);
  for (let step = 0; step < 2000; step += 1) {
    table.add([1, 2, 3], 0);
    table.add(
      Array.from({ length: random.integer(1, 8) }, () => random.integer(10, 1e6)),
      random.integer(1, 9),
    );
    expect(table.size).toBeLessThanOrEqual(100);
  }
  expect(table.match([1, 2, 3, 4])).toEqual([{ owner: 0, blocks: 3 }]);
});

test('the table remembers a few upstreams for a block: those that were sent it last', () => {
  const table = new PrefixTable(10);
  for (let owner = 0; owner < 20; owner += 1) table.add([7], owner);
  table.add([7], 15);
  expect(table.match([7]).map(({ owner }) => owner)).toEqual([12, 13, 14, 16, 17, 18, 19, 15]);
});
