/** Flags of the embedded fault proxy, those of `toxiproxy-server`. */
export interface Flags {
  /** @default localhost */
  readonly host: string;
  /** 0 for any free one. @default 8474 */
  readonly port: number;
  /** Decides toxicity and jitter, so that they are repeatable (Toxiproxy ignores its own). @default the time */
  readonly seed: number;
  /** JSON file with proxies to create, as for `POST /populate`; empty for none. */
  readonly config: string;
  readonly version: boolean;
  /** Whether `GET /metrics` tells the bytes of every proxy. */
  readonly proxyMetrics: boolean;
  /** Whether `GET /metrics` tells about this process. */
  readonly runtimeMetrics: boolean;
}

/** Texts of Go's ParseBool. */
const BOOLEANS: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map(text => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map(text => [text, false] as const),
]);
const TEXTS = ['config', 'host', 'port', 'seed'];
const SWITCHES = ['proxy-metrics', 'runtime-metrics', 'version'];

/** One line on every flag. */
export const USAGE = `usage: ${[...TEXTS.map(name => `[-${name} value]`), ...SWITCHES.map(name => `[-${name}]`)].join(' ')}`;

/**
 * Reads flags in Go's syntax: one dash or two, value after a space or `=`, for a switch only after `=`; they end at `--` and at the first
 * argument that is none.
 * @param nowMs the default of the seed
 * @throws Error that names the flag
 */
export function parseFlags(args: readonly string[], nowMs: number): Flags {
  const texts: Record<string, string> = { config: '', host: 'localhost', port: '8474', seed: String(nowMs) };
  const switches: Record<string, boolean> = {};
  for (let at = 0; at < args.length; at += 1) {
    const [, name, value] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(args[at]!) ?? [];
    if (name === undefined) break;
    if (SWITCHES.includes(name)) switches[name] = readSwitch(name, value ?? 'true');
    else if (!TEXTS.includes(name)) throw new Error(`flag provided but not defined: -${name}; ${USAGE}`);
    else texts[name] = value ?? args[++at] ?? missing(name);
  }
  const port = Number(texts.port);
  const seed = Number(texts.seed);
  if (!/^\d+$/.test(texts.port!) || port > 65_535) throw new Error(`expected -port to be 0…65535, got ${texts.port}`);
  if (!/^-?\d+$/.test(texts.seed!)) throw new Error(`expected -seed to be a whole number, got ${texts.seed}`);
  return {
    ...{ host: texts.host!, port, seed, config: texts.config! },
    version: switches.version === true,
    proxyMetrics: switches['proxy-metrics'] === true,
    runtimeMetrics: switches['runtime-metrics'] === true,
  };
}

function readSwitch(name: string, text: string): boolean {
  const value = Object.hasOwn(BOOLEANS, text) ? BOOLEANS[text] : undefined;
  if (value === undefined) throw new Error(`expected -${name} to be true or false, got ${text}`);
  return value;
}

function missing(name: string): never {
  throw new Error(`flag needs an argument: -${name}`);
}
