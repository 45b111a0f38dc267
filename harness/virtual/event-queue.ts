/** Something that happens at an instant of virtual time. */
export interface TimedEvent {
  /** Instant, in µs. */
  atUs: number;
  /** Order among events of one instant. */
  readonly sequence: number;
  /** Place in its queue; −1 outside of one. Kept by the queue. */
  place: number;
}

/** Events by instant, then by sequence: a binary heap from which any event can be removed in O(log n). */
export class EventQueue<Event extends TimedEvent> {
  readonly #events: Event[] = [];

  /** Number of events. */
  get size(): number {
    return this.#events.length;
  }

  /** The earliest event; undefined if there is none. */
  first(): Event | undefined {
    return this.#events[0];
  }

  /** Inserts an event that is in no queue. */
  add(event: Event): void {
    event.place = this.#events.length;
    this.#events.push(event);
    this.#rise(event);
  }

  /** Removes an event; one that is not in the queue is ignored. */
  remove(event: Event): void {
    const { place } = event;
    if (place < 0) return;
    const last = this.#events.pop()!;
    event.place = -1;
    if (last === event) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Moves parents down until `event` has its place. */
  #rise(event: Event): void {
    const events = this.#events;
    let { place } = event;
    while (place > 0) {
      const parent = events[(place - 1) >> 1]!;
      if (!isBefore(event, parent)) break;
      const free = parent.place;
      this.#put(parent, place);
      place = free;
    }
    this.#put(event, place);
  }

  /** Moves children up until `event` has its place. */
  #sink(event: Event): void {
    const events = this.#events;
    let { place } = event;
    for (;;) {
      const left = events[2 * place + 1];
      if (!left) break;
      const right = events[2 * place + 2];
      const child = right && isBefore(right, left) ? right : left;
      if (!isBefore(child, event)) break;
      const free = child.place;
      this.#put(child, place);
      place = free;
    }
    this.#put(event, place);
  }

  #put(event: Event, place: number): void {
    event.place = place;
    this.#events[place] = event;
  }
}

function isBefore(a: TimedEvent, b: TimedEvent): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.sequence < b.sequence);
}
