import type { Machine } from '../../../harness/host/network.ts';
import { readText } from '../../observability/bounded-text.ts';
import { parseExposition } from '../../observability/exposition.ts';
import type { Source } from '../config.ts';
import type { Scrape, ScrapedSource } from './samples.ts';

const TIMEOUT_MS = 2000;
const MAX_BYTES = 16 * 2 ** 20;

/** Settings of a {@link Scraper}. */
interface ScraperOptions {
  readonly sources: readonly Source[];
  readonly machine: Machine;
  /** Whether the series of a name are kept. */
  readonly wanted: (name: string) => boolean;
  /** How long scrapes are kept, in ms. */
  readonly keepMs: number;
  /** Told of each scrape. */
  readonly onScrape: (source: string, isOk: boolean) => void;
}

/** Scrapes of replicas, of which a window is kept. */
export class Scraper {
  readonly #options: ScraperOptions;
  readonly #scrapes: Map<string, Scrape[]>;
  #lastMs: number | undefined;

  constructor(options: ScraperOptions) {
    this.#options = options;
    this.#scrapes = new Map(options.sources.map(({ name }) => [name, []]));
  }

  /** Scrapes all sources at once but those that `exists` says are not there. Never rejects; one without a response has no samples. */
  async round(exists: (source: Source) => boolean, signal: AbortSignal): Promise<void> {
    const { sources, machine, keepMs, onScrape } = this.#options;
    const atMs = machine.clock.nowMs();
    await Promise.all(
      sources.map(async source => {
        const scrapes = this.#scrapes.get(source.name)!;
        const isThere = exists(source);
        const samples = isThere ? await this.#scrape(source, signal).catch(() => undefined) : undefined;
        if (signal.aborted) return;
        if (isThere) onScrape(source.name, samples !== undefined);
        if (samples) this.#lastMs = atMs;
        scrapes.push({ atMs, samples });
        while (scrapes[0]!.atMs < atMs - keepMs) scrapes.shift();
      }),
    );
  }

  /** When the last scrape with a response began, on the machine's clock; undefined without one. */
  get lastMs(): number | undefined {
    return this.#lastMs;
  }

  /** All sources with what was scraped of them. */
  all(): ScrapedSource[] {
    return this.#options.sources.map(({ name, service }) => ({ name, service, scrapes: this.#scrapes.get(name)! }));
  }

  async #scrape({ url }: Source, signal: AbortSignal): Promise<Scrape['samples']> {
    const { machine, wanted } = this.#options;
    const limit = AbortSignal.any([signal, machine.clock.timeout(TIMEOUT_MS)]);
    const response = await machine.network.fetch(url, { signal: limit });
    const text = await readText(response.body ?? [], MAX_BYTES);
    if (!response.ok || text === null) throw new Error(`${url} returned ${response.status}`);
    return parseExposition(text, wanted);
  }
}
