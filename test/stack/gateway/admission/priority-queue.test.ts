import { describe, expect, it, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { FairQueue, type Queued } from '../../../../stack/gateway/admission/fair-queue.ts';
import { PriorityQueue, type PriorityRules, type Ticket } from '../../../../stack/gateway/admission/priority-queue.ts';
import { brokenRule, randomRules } from './priority-script.ts';

const SEEDS = Array.from({ length: 150 }, (_, index) => index);
const rulesOf = (seed: number) => randomRules(seededRandom(seed).stream('rules'));
const brokenBy = (make: (rules: PriorityRules) => PriorityQueue<Ticket>) =>
  new Set(SEEDS.map(seed => brokenRule(seed, rulesOf(seed), make(rulesOf(seed)))).filter(rule => rule !== undefined));

class Leaks extends PriorityQueue<Ticket> {
  override release(): void {}
}
class Exceeds extends PriorityQueue<Ticket> {
  override next(limit: number, nowMs: number, isOffPeak: boolean) {
    return super.next(limit + 1, nowMs, isOffPeak);
  }
}
class Sleeps extends PriorityQueue<Ticket> {
  #calls = 0;
  override next(limit: number, nowMs: number, isOffPeak: boolean) {
    this.#calls += 1;
    return this.#calls % 20 === 0 ? undefined : super.next(limit, nowMs, isOffPeak);
  }
}
class Keeps extends PriorityQueue<Ticket> {
  override remove(): boolean {
    return true;
  }
}

describe('random scripts', () => {
  it('never break a rule', () => {
    for (const seed of SEEDS)
      expect(brokenRule(seed, rulesOf(seed), new PriorityQueue(rulesOf(seed))), `${seed}`).toBe(undefined);
  });

  test.each<[string, (rules: PriorityRules) => PriorityQueue<Ticket>, string]>([
    ['leaks slots', rules => new Leaks(rules), 'the queue knows which slots are in use'],
    ['exceeds the capacity', rules => new Exceeds(rules), 'the capacity is not exceeded'],
    ['loses wake-ups', rules => new Sleeps(rules), 'no slot stays free while a request may have it'],
    ['keeps who has left', rules => new Keeps(rules), 'a request leaves once'],
    [
      'reserves nothing',
      rules => new PriorityQueue({ ...rules, reservedRatio: 0 }),
      'no request beyond the bounds of its level: 1',
    ],
    [
      'reserves for ever',
      rules => new PriorityQueue({ ...rules, reservedIdleMs: 1e9 }),
      'no slot stays free while a request may have it',
    ],
    ['starves a level', rules => new PriorityQueue({ ...rules, turnAfter: 1000 }), 'a level that waits has its turn'],
    [
      'has no bounds',
      rules => new PriorityQueue({ ...rules, levels: rules.levels.map(own => ({ ...own, maxWaiting: 99 })) }),
      'the lengths are bounded',
    ],
    [
      'has no isolation',
      rules => new PriorityQueue({ ...rules, levels: rules.levels.map(own => ({ ...own, maxRatio: 1 })) }),
      'no request beyond the bounds of its level: 3',
    ],
  ])('find a queue that %s', (_, make, rule) => {
    expect(brokenBy(make)).toContain(rule);
  });
});

const RULES: PriorityRules = {
  ...{ reservedRatio: 0.2, reservedIdleMs: 1000, turnAfter: 3 },
  levels: [1, 1, 1, 0.5].map(maxRatio => ({ maxWaiting: 100, maxRatio })),
};

/** Queue of ten slots. `order` has the levels that were admitted. */
function tenSlots() {
  const queue = new PriorityQueue<Ticket>(RULES);
  const running: Ticket[] = [];
  const push = (levels: string, nowMs = 0) => {
    for (const level of levels)
      queue.push({ level: Number(level) as Ticket['level'], key: 'k', weight: 1, sinceMs: nowMs }, nowMs);
  };
  const admit = (nowMs = 0, isOffPeak = false, limit = 10) => {
    let order = '';
    for (let ticket = queue.next(limit, nowMs, isOffPeak); ticket; ticket = queue.next(limit, nowMs, isOffPeak)) {
      running.push(ticket);
      order += ticket.level;
    }
    return order;
  };
  const release = (nowMs: number) => queue.release(running.shift()!, nowMs);
  return { queue, push, admit, release };
}

describe('the order', () => {
  test('others have all slots until an urgent request comes, which is then first, and has its reservation', () => {
    const { queue, push, admit, release } = tenSlots();
    push('2'.repeat(14));
    expect(admit()).toBe('2'.repeat(10));
    push('00', 10);
    expect(queue.reserved(10, 10)).toBe(2);
    release(20);
    expect(admit(20)).toBe('0');
    release(30);
    expect(admit(30)).toBe('0');
    // Eight of the others are in use: both reserved slots are, by those they are for. Once these end, they stay free for a second.
    for (let each = 0; each < 8; each += 1) release(40);
    expect(admit(40)).toBe('2'.repeat(4));
    release(50);
    release(50);
    push('2'.repeat(6), 60);
    expect(admit(60)).toBe('2'.repeat(4));
    expect(admit(1049)).toBe('');
    expect(admit(1050)).toBe('22');
  });

  test('normal requests have turns, batch requests wait until no other does, or for off-peak', () => {
    const { push, admit, release } = tenSlots();
    push(`${'1'.repeat(8)}${'2'.repeat(4)}${'3'.repeat(9)}`);
    expect(admit()).toBe('1112111211');
    for (let each = 0; each < 10; each += 1) release(10);
    // At most half of the slots are for batch requests.
    expect(admit(10)).toBe('2233333');
    push('11', 20);
    expect(admit(20, true)).toBe('113');
  });

  test('a smaller capacity takes nothing back, and has a slot for others whatever is reserved', () => {
    const { push, admit, release } = tenSlots();
    push('2'.repeat(12));
    admit();
    expect(admit(0, false, 1)).toBe('');
    for (let each = 0; each < 10; each += 1) release(10);
    push('1', 10);
    expect(admit(10, false, 1)).toBe('1');
  });
});

/** Serves keys that always have eight requests waiting, on four slots, and measures the time in service of each. */
function shares(
  keys: readonly { weight: number; costMs: number }[],
  queue: Pick<FairQueue<Queued>, 'push' | 'shift' | 'finish'>,
) {
  const owners = keys.map(({ weight }, index) => ({ key: `${index}`, weight }));
  for (const owner of owners) for (let each = 0; each < 8; each += 1) queue.push({ ...owner });
  const running: { item: Queued; endMs: number; costMs: number }[] = [];
  const used = keys.map(() => 0);
  for (let nowMs = 0; nowMs < 60_000; nowMs = Math.min(...running.map(({ endMs }) => endMs))) {
    for (const done of running.filter(({ endMs }) => endMs <= nowMs)) {
      queue.finish(done.item, done.costMs);
      running.splice(running.indexOf(done), 1);
    }
    while (running.length < 4) {
      const item = queue.shift()!;
      const index = Number(item.key);
      const { costMs } = keys[index]!;
      used[index]! += costMs;
      running.push({ item, endMs: nowMs + costMs, costMs });
      queue.push({ ...owners[index]! });
    }
  }
  const sum = used.reduce((total, each) => total + each, 0);
  return used.map(each => each / sum);
}

/** First in, first out, whoever it is. */
class Fifo extends FairQueue<Queued> {
  readonly #items: Queued[] = [];
  override push(item: Queued): void {
    this.#items.push(item);
  }
  override shift(): Queued | undefined {
    return this.#items.shift();
  }
  override finish(): void {}
}

describe('fair queuing', () => {
  test.each<[{ weight: number; costMs: number }[], number[]]>([
    [
      [
        { weight: 1, costMs: 100 },
        { weight: 1, costMs: 100 },
      ],
      [1 / 2, 1 / 2],
    ],
    [
      [
        { weight: 3, costMs: 100 },
        { weight: 1, costMs: 100 },
      ],
      [3 / 4, 1 / 4],
    ],
    // Long requests: the same time, not the same number.
    [
      [
        { weight: 1, costMs: 900 },
        { weight: 1, costMs: 90 },
        { weight: 2, costMs: 300 },
      ],
      [1 / 4, 1 / 4, 1 / 2],
    ],
  ])('keys of %j get their parts of the time', (keys, expected) => {
    const measured = shares(keys, new FairQueue());
    for (const [index, share] of expected.entries()) expect(Math.abs(measured[index]! - share)).toBeLessThan(0.02);
    const unfair = shares(keys, new Fifo());
    const isEqual = new Set(expected).size === 1;
    expect(Math.max(...expected.map((share, index) => Math.abs(unfair[index]! - share))) > 0.1).toBe(!isEqual);
  });

  test('a flood delays itself only: a request of another key is next, or second', () => {
    const queue = new FairQueue<Queued>();
    for (let each = 0; each < 1000; each += 1) queue.push({ key: 'flood', weight: 1 });
    for (let each = 0; each < 30; each += 1) {
      for (let taken = 0; taken < each; taken += 1) queue.finish(queue.shift()!, 100);
      queue.push({ key: 'other', weight: 1 });
      const next = [queue.shift()!, queue.shift()!];
      expect(next.map(({ key }) => key)).toContain('other');
      for (const item of next) queue.finish(item, 100);
    }
  });

  test('a full queue rejects the newest of the key with the most requests for its weight', () => {
    const queue = new FairQueue<Queued>();
    const many = Array.from({ length: 3 }, () => ({ key: 'many', weight: 1 }));
    const heavy = Array.from({ length: 4 }, () => ({ key: 'heavy', weight: 2 }));
    for (const item of [...many, ...heavy]) queue.push(item);
    expect(queue.excess(heavy[3]!)).toBe(many[2]);
    expect(queue.excess(many[2]!)).toBe(many[2]);
    expect(queue.remove(many[2]!)).toBe(true);
    expect(queue.remove(many[2]!)).toBe(false);
    expect(queue.size).toBe(6);
  });
});
