import type { EdgeAddresses, EdgeOptions } from '../options.ts';

/** What the nginx at hand can do; see `installation.ts`. */
export interface EdgeCapabilities {
  /** Whether its TLS library knows X25519MLKEM768 (OpenSSL ≥ 3.5). */
  readonly postQuantum: boolean;
  /** ModSecurity's module and rules, as absolute paths; undefined when they are not installed. */
  readonly modsecurity: ModSecurityPaths | undefined;
}

/** Where ModSecurity's parts are. */
export interface ModSecurityPaths {
  readonly module: string;
  /** The core rule set's `crs-setup.conf`. */
  readonly setup: string;
  /** The folder of the core rule set's rules. */
  readonly rules: string;
}

/** All that a concern is rendered from. */
export interface EdgePlan {
  readonly options: EdgeOptions;
  readonly addresses: EdgeAddresses;
  readonly capabilities: EdgeCapabilities;
  readonly logsTo: 'files' | 'output';
}

/**
 * Lines of configuration, by the place that they belong to:
 *
 * ```
 * main
 * http ─┬─ server        every listener that serves clients
 *       │    ├─ proxied     every location that passes requests on
 *       │    ├─ streaming   … of token streams
 *       │    └─ ordinary    … of everything else
 * ```
 */
export interface Concern {
  /** Names its files, for example `limits` → `server/limits.conf`. */
  readonly name: string;
  readonly main?: readonly string[];
  readonly http?: readonly string[];
  readonly server?: readonly string[];
  readonly proxied?: readonly string[];
  readonly streaming?: readonly string[];
  readonly ordinary?: readonly string[];
  /** Further files, by their path below the prefix. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Whole seconds for directives that know no smaller unit, rounded up. */
export function wholeSeconds(durationMs: number): string {
  return `${Math.ceil(durationMs / 1000)}s`;
}
