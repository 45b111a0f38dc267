/** What a {@link FairQueue} holds. */
export interface Queued {
  /** Whose it is. */
  readonly key: string;
  /** Part of the service that is due to the key, relative to other keys. */
  readonly weight: number;
}

interface Flow<Item> {
  readonly waiting: Set<Item>;
  /** Virtual time at which its next item starts: what the key has used, divided by its weight, since it last joined. */
  tag: number;
}

/** What an item is assumed to cost before any has been served. */
const FIRST_ESTIMATE_MS = 1000;
/** Weight of a new cost in their mean. */
const SMOOTHING = 0.05;

/**
 * Queue that serves keys by their weights, each key in its own order: start-time fair queuing (Goyal, Vin, Cheng, "Start-time Fair Queueing",
 * SIGCOMM 1996). The key with the lowest start tag is next, and its tag goes up by the cost of the item over its weight. A key that joins starts
 * at the current virtual time, so that it has no credit from when it was idle. While two keys keep waiting, what they get for their weights differs by
 * at most the cost of one item of each.
 *
 * Costs are times in service, which are known at the end only. Until then an item costs the mean of those before, and the tag is corrected when it
 * ends, as a scheduler of language models counts tokens once they have been generated (Sheng et al., "Fairness in Serving Large Language Models",
 * OSDI 2024): a key with long responses gets fewer of them.
 */
export class FairQueue<Item extends Queued> {
  readonly #flows = new Map<string, Flow<Item>>();
  #virtualTime = 0;
  /** Items in service, and what each was assumed to cost. */
  readonly #charged = new Map<Item, number>();
  #size = 0;
  #meanMs = FIRST_ESTIMATE_MS;

  /** Number of items that wait. */
  get size(): number {
    return this.#size;
  }

  /** Those that wait, by key. */
  waiting(): Item[] {
    return [...this.#flows.values()].flatMap(({ waiting }) => [...waiting]);
  }

  /** Adds an item behind those of its key. */
  push(item: Item): void {
    const flow = this.#flowOf(item.key);
    if (flow.waiting.size === 0) flow.tag = Math.max(flow.tag, this.#virtualTime);
    flow.waiting.add(item);
    this.#size += 1;
  }

  /** Takes the next item into service; undefined if none waits. */
  shift(): Item | undefined {
    let first: Flow<Item> | undefined;
    for (const flow of this.#flows.values())
      if (flow.waiting.size > 0 && (!first || flow.tag < first.tag)) first = flow;
    const [item] = first?.waiting ?? [];
    if (!first || !item) return undefined;
    first.waiting.delete(item);
    this.#size -= 1;
    this.#virtualTime = Math.max(this.#virtualTime, first.tag);
    first.tag += this.#meanMs / item.weight;
    this.#charged.set(item, this.#meanMs);
    return item;
  }

  /** Ends the service of an item that {@link shift} returned, after `costMs`, at least 1. */
  finish(item: Item, costMs: number): void {
    const charged = this.#charged.get(item);
    if (charged === undefined) return;
    this.#charged.delete(item);
    this.#flowOf(item.key).tag += (Math.max(1, costMs) - charged) / item.weight;
    this.#meanMs += SMOOTHING * (costMs - this.#meanMs);
    this.#tidy();
  }

  /** Takes out an item that waits; false if it does not. */
  remove(item: Item): boolean {
    if (!this.#flows.get(item.key)?.waiting.delete(item)) return false;
    this.#size -= 1;
    this.#tidy();
    return true;
  }

  /** The item to reject if one must be, once `arrival` has been added: the newest of the key that has the most waiting for its weight. */
  excess(arrival: Item): Item {
    const lengthOf = (waiting: ReadonlySet<Item>, { weight }: Item) => waiting.size / weight;
    let longest = this.#flowOf(arrival.key).waiting;
    let length = lengthOf(longest, arrival);
    for (const { waiting } of this.#flows.values()) {
      const [head] = waiting;
      if (!head || lengthOf(waiting, head) <= length) continue;
      longest = waiting;
      length = lengthOf(waiting, head);
    }
    return longest.has(arrival) ? arrival : ([...longest].at(-1) ?? arrival);
  }

  /** When nothing waits and nothing is served, all keys are equal again, as at the end of a busy period. */
  #tidy(): void {
    if (this.#size > 0 || this.#charged.size > 0) return;
    this.#flows.clear();
    this.#virtualTime = 0;
  }

  #flowOf(key: string): Flow<Item> {
    let flow = this.#flows.get(key);
    if (!flow) {
      flow = { waiting: new Set(), tag: this.#virtualTime };
      this.#flows.set(key, flow);
    }
    return flow;
  }
}
