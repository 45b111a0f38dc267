/** Priority queue by due time, earliest first: a binary heap, so adding and taking cost O(log n). */
export class DueQueue<Item> {
  readonly #heap: { readonly dueMs: number; readonly order: number; readonly item: Item }[] = [];
  #order = 0;

  /** Due time of the earliest item; undefined if empty. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  add(dueMs: number, item: Item): void {
    const heap = this.#heap;
    heap.push({ dueMs, order: this.#order++, item });
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#swapUnlessOrdered(parent, at)) break;
      at = parent;
    }
  }

  /** Removes the earliest item; of several due at one instant, the one added first. */
  take(): Item | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first?.item;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const child = left + 1 < heap.length && this.#isBefore(left + 1, left) ? left + 1 : left;
      if (!this.#swapUnlessOrdered(at, child)) break;
      at = child;
    }
    return first.item;
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a]!, this.#heap[b]!];
    return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
  }

  #swapUnlessOrdered(parent: number, child: number): boolean {
    if (!this.#isBefore(child, parent)) return false;
    [this.#heap[parent], this.#heap[child]] = [this.#heap[child]!, this.#heap[parent]!];
    return true;
  }
}
