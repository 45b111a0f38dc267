import type { Protocol } from '../harness/contracts.ts';
import type { RestartPolicy, SettledOptions } from './options.ts';
import type { ToolName } from './tools.ts';

/** The addresses, all `host:port`, that a replica is told when it starts, and its directory. */
export interface Addresses {
  /** Where it listens. */
  readonly listen: string;
  /** Where its further listeners listen, by their names. */
  readonly listeners: Readonly<Record<string, string>>;
  /** Where each link that it uses or advertises listens, by the link's name. */
  readonly links: Readonly<Record<string, string>>;
  /** Where its own files lie, absolute. */
  readonly directory: string;
  /** Whether it runs in one of our images, where tools are known, or with the tools of this machine. */
  readonly isInImage: boolean;
}

/** What a replica runs: a program of ours under Node, or a tool that is found on the machine or in its image. */
export type ReplicaExecutable =
  | {
      readonly kind: 'node';
      /** Absolute. */
      readonly program: string;
    }
  | { readonly kind: 'tool'; readonly tool: ToolName; args(addresses: Addresses): readonly string[] };

/** How one sees that a replica can serve: 2xx at a path, of a further listener where one is named, or `PONG` from a Redis. */
export type ReadyProbe =
  | { readonly kind: 'http'; readonly path: string; readonly listener?: string }
  | { readonly kind: 'redis'; readonly username: string; readonly password: string };

/** One replica to be started. */
export interface ReplicaPlan {
  /** For example `inference-2`. */
  readonly name: string;
  readonly service: string;
  /** The zone it stands in, for example `zone-a`. */
  readonly zone: string;
  readonly run: ReplicaExecutable;
  /** What it speaks where it listens. */
  readonly protocol: Protocol;
  /** Passes once it can serve. */
  readonly ready: ReadyProbe;
  /** Names of listeners that it has beside the first. @default none */
  readonly listeners?: readonly string[];
  /** Where it tells its metrics in Prometheus' format; absent where it tells none. */
  readonly metricsPath?: string;
  /** How long it takes by design until it is ready, in ms, scaled. */
  readonly coldStartMs: number;
  /** Names of the links that it uses. It starts after those who stand behind them. */
  readonly uses: readonly string[];
  /** Names of links that lead to it, whose addresses it is told so that it can tell others. */
  readonly advertises?: readonly string[];
  readonly restart: RestartPolicy;
  /** Whether it waits to be started by somebody who wants more replicas. @default false */
  readonly isStandby?: boolean;
  /** Its configuration: variables beside those every process gets. */
  environment(addresses: Addresses): Readonly<Record<string, string>>;
  /** Files to be in its directory before it starts, by relative path; private, for they may hold secrets. A path that ends in `/` is a folder. */
  files?(addresses: Addresses): Promise<Readonly<Record<string, string>>>;
}

/** What the plans of single services are made from. */
export interface TopologyParts {
  readonly options: SettledOptions;
  readonly timeScale: number;
  readonly seed: number;
  /** SHA-256 of each key that clients may present, in hex. */
  readonly apiKeyHashes: readonly string[];
  /** Of the account of Redis that services use. */
  readonly redisPassword: string;
  readonly zones: readonly string[];
}
