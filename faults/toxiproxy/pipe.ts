import type { Socket } from 'node:net';
import type { Clock } from '../../harness/clock.ts';
import type { Network } from '../../harness/host/network.ts';
import type { Random } from '../../harness/random.ts';
import { findToxicKind } from './toxics/registry.ts';
import type { ToxicContext, ToxicJson, ToxicStage } from './toxics/toxic.ts';

interface PipeOptions {
  readonly clock: Clock;
  /** Of `Network`. */
  readonly splice?: Network['splice'];
  /** Decides toxicity and jitter; of this pipe only. */
  readonly random: Random;
  /** Called when everything up to the source's end has been written to the destination. */
  readonly finished: () => void;
  /** Closes the whole connection after the bytes already written. */
  readonly close: () => void;
  /** Resets the whole connection. */
  readonly reset: () => void;
}

interface Entry {
  readonly name: string;
  stage: ToxicStage;
  /** That the stage has passed on. */
  bytes: number;
  /** Where the end of the source is: not yet in the stage, in it, or passed on. */
  end: 'before' | 'inside' | 'behind';
}

/**
 * One direction of one connection: bytes go from `source` through the toxics to `destination`. Memory is bounded: the
 * source pauses while any stage is full or the destination has not accepted what was written, so that a slow reader slows
 * down the writer. The end of the source ends only the destination.
 */
export class Pipe {
  readonly #source: Socket;
  readonly #destination: Socket;
  readonly #options: PipeOptions;
  #entries: Entry[] = [];
  #finished = false;
  #unsplice: (() => void) | undefined;
  /** Whether a stage has closed the connection; its close leaves behind the chunks before it. */
  #closing = false;

  constructor(source: Socket, destination: Socket, toxics: readonly ToxicJson[], options: PipeOptions) {
    this.#source = source;
    this.#destination = destination;
    this.#options = options;
    for (const toxic of toxics) this.add(toxic);
  }

  /** Whether the end was passed on, or the pipe was stopped. */
  get isFinished(): boolean {
    return this.#finished;
  }

  /** Starts to read. Call it once both sockets are connected. A source that has ended or closed by then ends the pipe at once. */
  start(): void {
    if (this.#finished) return;
    if (this.#source.readableEnded || this.#source.destroyed) {
      this.end();
      return;
    }
    this.#source.on('data', chunk => {
      this.#enter(0, chunk);
      this.#settleFlow();
    });
    this.#source.on('end', () => this.end());
    this.#destination.on('drain', () => this.#settleFlow());
    this.#settleSplice();
  }

  /** Ends the source: what the stages hold is still delivered, then `finished` is called. */
  end(): void {
    if (!this.#finished) this.#endAt(0);
  }

  /** Appends a toxic; by its toxicity, it may not affect this connection. */
  add(toxic: ToxicJson): void {
    if (this.#finished || !this.#isHit(toxic)) return;
    const entry = { name: toxic.name, bytes: 0, end: 'before' } as Entry;
    entry.stage = this.#startStage(toxic, entry);
    this.#entries.push(entry);
    this.#settleSplice();
  }

  /** Restarts a toxic with new settings and draws its toxicity again. */
  update(toxic: ToxicJson): void {
    const index = this.#entries.findIndex(entry => entry.name === toxic.name);
    const entry = this.#entries[index];
    if (!entry) {
      this.add(toxic);
      return;
    }
    entry.stage.stop('updated');
    if (this.#finished) return;
    if (this.#isHit(toxic)) entry.stage = this.#startStage(toxic, entry);
    else this.#entries.splice(index, 1);
    if (entry.end === 'inside') this.#endAt(index);
    this.#settleSplice();
    this.#settleFlow();
  }

  /** Removes a toxic; what it held is delivered at once. */
  remove(name: string): void {
    const entry = this.#entries.find(entry => entry.name === name);
    if (!entry) return;
    entry.stage.stop('removed');
    this.#entries = this.#entries.filter(other => other !== entry);
    this.#settleSplice();
    this.#settleFlow();
  }

  /** Stops every stage and timer, since the connection is gone. */
  stop(): void {
    this.#finished = true;
    for (const { stage } of this.#entries.splice(0)) stage.stop('closed');
    this.#settleSplice();
  }

  /** Without a toxic, bytes go past this pipe where the network can do that. */
  #settleSplice(): void {
    if (this.#entries.length === 0 && !this.#finished)
      this.#unsplice ??= this.#options.splice?.(this.#source, this.#destination);
    else {
      this.#unsplice?.();
      this.#unsplice = undefined;
    }
  }

  #isHit(toxic: ToxicJson): boolean {
    return this.#options.random.next() < toxic.toxicity;
  }

  #startStage(toxic: ToxicJson, entry: Entry): ToxicStage {
    const { clock, random, reset } = this.#options;
    const end = () => {
      if (entry.end === 'behind') return;
      entry.end = 'behind';
      this.#endAt(this.#entries.indexOf(entry) + 1);
    };
    const context: ToxicContext = {
      clock,
      random: random.stream(toxic.name),
      push: chunk => {
        entry.bytes += chunk.byteLength;
        this.#enter(this.#entries.indexOf(entry) + 1, chunk);
        this.#settleFlow();
      },
      passedBytes: () => entry.bytes,
      end,
      close: () => {
        this.#closing = true;
        end();
      },
      reset,
    };
    return findToxicKind(toxic.type)!.start(toxic.attributes, context);
  }

  #enter(index: number, chunk: Uint8Array): void {
    const entry = this.#entries[index];
    if (entry) entry.stage.push(chunk);
    else if (this.#destination.writable) this.#destination.write(chunk);
  }

  #endAt(index: number): void {
    const entry = this.#entries[index];
    if (entry) {
      entry.end = 'inside';
      entry.stage.end();
    } else {
      this.stop();
      if (this.#closing) this.#options.close();
      else this.#options.finished();
    }
  }

  #settleFlow(): void {
    const mustWait = this.#destination.writableNeedDrain || this.#entries.some(({ stage }) => stage.isFull());
    if (mustWait === this.#source.isPaused()) return;
    if (mustWait) this.#source.pause();
    else this.#source.resume();
  }
}
