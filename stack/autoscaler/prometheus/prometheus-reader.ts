import { messageOf } from '../../../harness/errors.ts';
import type { Machine } from '../../../harness/host/network.ts';
import type { Login } from '../../../harness/http/login.ts';
import { postForm } from '../../observability/prometheus-api.ts';
import type { Need, Values, ValuesReader } from '../measure/values.ts';
import { prometheusValues, type Replies } from './prometheus-values.ts';
import { lookbackOf, type QueryTimes, queryFor, scrapesQuery, servicesQuery } from './queries.ts';
import { failedReply, lastScrapes, type Reply, vectorReply } from './replies.ts';

const TIMEOUT_MS = 2000;
const MAX_BYTES = 4 * 2 ** 20;
/** Source of the rounds, where those of replicas have their names. */
const SOURCE = 'prometheus';

interface PrometheusReaderOptions extends QueryTimes {
  /** Base URL. */
  readonly url: string;
  readonly login: Login | undefined;
  readonly needs: readonly Need[];
  readonly machine: Machine;
  /** Told of each round. */
  readonly onRead: (source: string, isOk: boolean) => void;
  /** Told of a query that fails, once until another one does or all succeed. */
  readonly onProblem: (query: string, message: string) => void;
}

/** Reads values from a Prometheus: one instant query for each of them and for the services that should have it, all at once. */
export class PrometheusReader implements ValuesReader {
  readonly #options: PrometheusReaderOptions;
  readonly #queries: ReadonlySet<string>;
  #replies: Replies = { byQuery: new Map(), scrapes: undefined, atMs: 0 };
  #lastMs: number | undefined;
  #problem = '';

  constructor(options: PrometheusReaderOptions) {
    this.#options = options;
    this.#queries = new Set(
      options.needs.flatMap(need => [
        queryFor(need, options),
        ...(need.of === 'whole' ? [servicesQuery(need.rule, options)] : []),
      ]),
    );
  }

  async round(_: unknown, signal: AbortSignal): Promise<void> {
    const { machine, onRead, onProblem } = this.#options;
    const [nowMs, epochMs] = [machine.clock.nowMs(), machine.clock.date().getTime()];
    const byQuery = new Map<string, Reply>();
    const asked = [...this.#queries].map(async query => byQuery.set(query, await this.#reply(query, signal)));
    const [scrapes] = await Promise.all([this.#scrapes(signal), ...asked]);
    if (signal.aborted) return;
    const newestMs = Math.max(...(scrapes ?? []).map(({ atMs }) => atMs));
    const isKnown = Number.isFinite(newestMs);
    const atMs = isKnown ? nowMs - Math.max(0, epochMs - newestMs) : nowMs;
    if (isKnown) this.#lastMs = atMs;
    this.#replies = { byQuery, scrapes, atMs };
    const failed = [...byQuery].find(([, { kind }]) => kind === 'failed');
    onRead(SOURCE, failed === undefined);
    const problem = failed?.[1].kind === 'failed' ? failed[1].message : '';
    if (failed && problem !== this.#problem) onProblem(failed[0], problem);
    this.#problem = problem;
  }

  get lastMs(): number | undefined {
    return this.#lastMs;
  }

  values(): Values {
    return prometheusValues(this.#replies, this.#options);
  }

  async #reply(query: string, signal: AbortSignal): Promise<Reply> {
    const warnings: string[] = [];
    try {
      return vectorReply(await this.#query(query, signal, warnings), warnings);
    } catch (error) {
      return failedReply(error);
    }
  }

  async #scrapes(signal: AbortSignal): Promise<Replies['scrapes']> {
    return lastScrapes(await this.#query(scrapesQuery(this.#options), signal, []).catch(messageOf));
  }

  #query(query: string, signal: AbortSignal, warnings: string[]): Promise<unknown> {
    const { url, machine, login } = this.#options;
    const form = { query, lookback_delta: `${Math.round(lookbackOf(this.#options))}ms` };
    const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES };
    return postForm(`${url}/api/v1/query`, form, { machine, login, signal, warnings, ...limits });
  }
}
