import type { EdgeAddresses, EdgeOptions } from '../options.ts';

/** Capabilities of an nginx installation, see `installation.ts`. */
export interface EdgeCapabilities {
  /** Whether its TLS library supports X25519MLKEM768 (OpenSSL ≥ 3.5). */
  readonly postQuantum: boolean;
  /** Absolute paths of ModSecurity's module and rules; undefined when not installed. */
  readonly modsecurity: ModSecurityPaths | undefined;
}

/** Paths of ModSecurity's module and core rule set. */
export interface ModSecurityPaths {
  readonly module: string;
  /** `crs-setup.conf` of the core rule set. */
  readonly setup: string;
  /** Folder of the core rule set's rules. */
  readonly rules: string;
}

/** Input from which concerns are rendered. */
export interface EdgePlan {
  readonly options: EdgeOptions;
  readonly addresses: EdgeAddresses;
  readonly capabilities: EdgeCapabilities;
  readonly logsTo: 'files' | 'output';
}

/**
 * Configuration lines of one concern, by context:
 *
 * ```
 * main
 * http ─┬─ server        every server for clients
 *       │    ├─ proxied     every location that proxies requests
 *       │    ├─ streaming   … of token streams
 *       │    └─ unstreamed  … of everything else
 * ```
 */
export interface Concern {
  /** Base name of its files, for example `limits` → `server/limits.conf`. */
  readonly name: string;
  readonly main?: readonly string[];
  readonly http?: readonly string[];
  readonly server?: readonly string[];
  readonly proxied?: readonly string[];
  readonly streaming?: readonly string[];
  readonly unstreamed?: readonly string[];
  /** Additional files by path below the prefix. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Text of a file from its lines. */
export function textOf(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** Duration rounded up to seconds, for directives without a smaller unit. */
export function wholeSeconds(durationMs: number): string {
  return `${Math.ceil(durationMs / 1000)}s`;
}
