import type { Machine } from '../../../harness/host/network.ts';
import { readText } from '../../observability/bounded-text.ts';
import { parseExposition } from '../../observability/exposition.ts';
import { queryOf } from '../../observability/metrics-text.ts';
import type { Source } from '../config.ts';
import type { Scrape } from './samples.ts';
import { scrapedValues } from './scraped-values.ts';
import type { Values, ValuesReader } from './values.ts';

const TIMEOUT_MS = 2000;
const MAX_BYTES = 16 * 2 ** 20;

/** Settings of a {@link Scraper}. */
interface ScraperOptions {
  readonly sources: readonly Source[];
  readonly machine: Machine;
  /** Names of the series that are asked for, of targets that can tell them apart, and kept; none: all are scraped, and none is kept. */
  readonly series: ReadonlySet<string>;
  /** How long scrapes are kept, in ms. */
  readonly keepMs: number;
  /** Divides the windows of rules. */
  readonly timeScale: number;
  /** Told of each scrape. */
  readonly onScrape: (source: string, isOk: boolean) => void;
}

/** Scrapes of replicas, of which a window is kept. */
export class Scraper implements ValuesReader {
  readonly #options: ScraperOptions;
  readonly #scrapes: Map<string, Scrape[]>;
  /** Of every request: which series it asks for. */
  readonly #query: string;
  #lastMs: number | undefined;

  constructor(options: ScraperOptions) {
    this.#options = options;
    this.#scrapes = new Map(options.sources.map(({ name }) => [name, []]));
    this.#query = options.series.size === 0 ? '' : queryOf([...options.series].sort());
  }

  /** Scrapes all sources at once but those that `exists` says are not there. Never rejects; one without a response has no samples. */
  async round(exists: Parameters<ValuesReader['round']>[0], signal: AbortSignal): Promise<void> {
    const { sources, machine, keepMs, onScrape } = this.#options;
    const atMs = machine.clock.nowMs();
    await Promise.all(
      sources.map(async source => {
        const scrapes = this.#scrapes.get(source.name)!;
        const isThere = exists(source.name, source.service);
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

  values(): Values {
    const { sources, machine, timeScale } = this.#options;
    const scraped = sources.map(({ name, service }) => ({ name, service, scrapes: this.#scrapes.get(name)! }));
    return scrapedValues({ sources: scraped, timeScale, nowMs: machine.clock.nowMs() });
  }

  async #scrape({ url }: Source, signal: AbortSignal): Promise<Scrape['samples']> {
    const { machine, series } = this.#options;
    const limit = AbortSignal.any([signal, machine.clock.timeout(TIMEOUT_MS)]);
    const response = await machine.network.fetch(url + this.#query, { signal: limit });
    const text = await readText(response.body ?? [], MAX_BYTES);
    if (!response.ok || text === null) throw new Error(`${url} returned ${response.status}`);
    return parseExposition(text, name => series.has(name));
  }
}
