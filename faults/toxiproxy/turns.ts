/** Lets the changes of one proxy follow one another, whoever makes them. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Makes a change once all earlier ones of `name` have settled, and settles as it does. */
  take<T>(name: string, change: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(name) ?? Promise.resolve()).then(change);
    this.#last.set(
      name,
      turn.catch(() => {}),
    );
    return turn;
  }
}
