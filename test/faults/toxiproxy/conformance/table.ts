import { Agent, request } from 'node:http';

/** A server under comparison. `upstream` is the address of an echo server that all columns share. */
export interface Column {
  readonly title: string;
  readonly apiUrl: string;
  readonly upstream: string;
}

/** What was observed of each behaviour, by its name. */
export type Observations = ReadonlyMap<string, string>;

/** A behaviour and how to observe it. Rows of a group run one after the other, in order. */
export interface Row {
  readonly name: string;
  readonly observe: (column: Column) => Promise<string>;
}

/** A difference that is meant: what ours does, what the others do, and why. Each value is compared in full. */
export interface Difference {
  readonly row: string;
  readonly ours: string;
  readonly theirs: string;
  readonly why: string;
}

/** One request; text is `METHOD path body`, where `$U` stands for the upstream. */
export type Step =
  | string
  | {
      readonly call: string;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** Headers of the response to observe, too. */
      readonly show?: readonly string[];
    };

const agents = new Map<string, Agent>();

/** A row of requests on one connection, observed as the statuses and bodies of their responses. */
export function script(name: string, ...steps: readonly Step[]): Row {
  return {
    name,
    observe: async column => {
      const seen: string[] = [];
      for (const step of steps) seen.push(await send(column, step));
      for (const proxy of Object.keys(JSON.parse((await exchange(column, 'GET', '/proxies')).text)))
        await exchange(column, 'DELETE', `/proxies/${encodeURIComponent(proxy)}`);
      return seen.join(' | ');
    },
  };
}

/** Sends one request. @returns status, shown headers and body, which is normalised unless it is wanted raw */
export async function send(column: Column, step: Step, form: 'normal' | 'raw' = 'normal'): Promise<string> {
  const { call, headers = {}, show = [], body } = typeof step === 'string' ? { call: step } : step;
  const [method = '', path = '', ...rest] = call.split(' ');
  const text = (body ?? rest.join(' ')).replaceAll('$U', column.upstream);
  const response = await exchange(column, method, path, { headers, body: text }).catch(error => error.code as string);
  if (typeof response === 'string') return response;
  const shown = show.map(name => `${name}=${normalise(String(response.headers[name] ?? ''), column)}`);
  const seen = form === 'raw' ? response.text : normalise(response.text, column);
  return [response.status, ...shown, seen].join(' ').trim();
}

/** One exchange, without redirects; the path is sent as it is. Keeps its connection. */
function exchange(
  { apiUrl }: Column,
  method: string,
  path: string,
  { headers = {}, body = '' }: { headers?: Readonly<Record<string, string>>; body?: string } = {},
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }> {
  const { hostname, port } = new URL(apiUrl);
  const agent = agents.get(apiUrl) ?? new Agent({ keepAlive: true, maxSockets: 1 });
  agents.set(apiUrl, agent);
  const length = body === '' ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request({ agent, hostname, port, method, path, headers: { ...length, ...headers } }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', chunk => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      response.on('error', reject);
    });
    sent.setTimeout(8000, () => sent.destroy(Object.assign(new Error('no response'), { code: 'HANGS' })));
    sent.on('error', reject).end(body);
  });
}

/**
 * Text without what differs from run to run: addresses and versions; and without Go's own words about JSON that it cannot decode, which
 * follow `bad request body:`. Toxiproxy 2.12 sends the inside of its logger, `"Logger":{}`.
 */
export function normalise(text: string, { apiUrl, upstream }: Column): string {
  return text
    .replaceAll(upstream, 'UP')
    .replaceAll(apiUrl.slice('http://'.length), 'API')
    .replace(/(127\.0\.0\.1|localhost|\[::\]|\[::1\]):\d{2,5}/g, '$1:N')
    .replaceAll('"Logger":{},', '')
    .replace(/(version\\?": ?\\?")[\w.-]+/, '$1V')
    .replace(/^[0-9a-v]{20}$/, 'ID')
    .replace(/bad request body: (?:[^"\\\n]|\\.)*/g, 'bad request body: …')
    .replaceAll('\n', '⏎')
    .trim();
}

/** Observes every row of each group in a column; those of `together` side by side, at the end. */
export async function observe(
  column: Column,
  groups: readonly (readonly Row[])[],
  together: readonly Row[],
): Promise<Observations> {
  const seen = new Map<string, string>();
  const see = async ({ name, observe }: Row) =>
    seen.set(name, await observe(column).catch(error => `${error.name}: ${error.message}`));
  for (const row of groups.flat()) await see(row);
  await Promise.all(together.map(see));
  return seen;
}

/** The columns beside each other: what differs without a reason, and what has a reason but does not differ. Ours is the first. */
export function compare(
  columns: readonly { readonly title: string; readonly seen: Observations }[],
  differences: readonly Difference[],
): { readonly lines: string[]; readonly problems: string[] } {
  const [ours, ...others] = columns;
  const lines = [
    lineOf(
      'behaviour',
      columns.map(({ title }) => title),
      '',
    ),
  ];
  const problems: string[] = [];
  for (const [row, value] of ours?.seen ?? []) {
    const known = differences.find(difference => difference.row === row);
    let isExplained = false;
    for (const { title, seen } of others) {
      const theirs = seen.get(row);
      if (theirs === value) continue;
      isExplained = known?.ours === value && known.theirs === theirs;
      if (!isExplained) problems.push(`${row}\n  ours: ${value}\n  ${title}: ${theirs}`);
    }
    if (known && !isExplained && others.every(({ seen }) => seen.get(row) === value))
      problems.push(`${row}: no longer a difference, remove it (${known.why})`);
    const cells = others.map(({ seen }) => (seen.get(row) === value ? '=' : (seen.get(row) ?? '')));
    lines.push(lineOf(row, [value, ...cells], isExplained ? known!.why : ''));
  }
  const unknown = differences.filter(({ row }) => !ours?.seen.has(row));
  return { lines, problems: [...problems, ...unknown.map(({ row }) => `${row}: a difference of no row`)] };
}

function lineOf(row: string, cells: readonly string[], why: string): string {
  const cut = (text: string, length: number) =>
    (text.length > length ? `${text.slice(0, length - 1)}…` : text).padEnd(length);
  return [cut(row, 56), ...cells.map((cell, nth) => cut(cell, nth === 0 ? 48 : 24)), why].join(' │ ').trimEnd();
}
