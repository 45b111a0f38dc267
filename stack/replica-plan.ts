import type { Protocol } from '../harness/contracts.ts';
import type { Login } from '../harness/http/login.ts';
import type { RestartPolicy, SettledOptions } from './options.ts';
import type { RedisOptions } from './redis/options.ts';
import type { ToolName } from './tools.ts';

/** Addresses (`host:port`) and directory passed to a replica at its start. */
export interface Addresses {
  /** Listen address. */
  readonly listen: string;
  /** Addresses of additional listeners, by name. */
  readonly listeners: Readonly<Record<string, string>>;
  /** Addresses of the links that the replica uses or advertises, by name. */
  readonly links: Readonly<Record<string, string>>;
  /** Absolute path of the replica's directory. */
  readonly directory: string;
  /** Token of the run, see `token.ts`; passed on in the environment only, and only to services that change others. */
  readonly token: string;
  /** Whether the replica runs in a Docker image, with known tools, instead of with those of this machine. */
  readonly isInImage: boolean;
}

/** Executable of a replica: one of this project's programs (absolute path), run by Node, or a tool on the machine or in the image. */
export type ReplicaExecutable =
  | { readonly kind: 'node'; readonly program: string }
  | { readonly kind: 'tool'; readonly tool: ToolName; args(addresses: Addresses): readonly string[] };

/** Readiness probe: 2xx at a path, of an additional listener if one is named, or `PONG` from Redis. */
export type ReadyProbe =
  | ({ readonly kind: 'http'; readonly path: string; readonly listener?: string } & Partial<Login>)
  | ({ readonly kind: 'redis' } & Login);

/** Plan of one replica. */
export interface ReplicaPlan {
  /** For example `inference-2`. */
  readonly name: string;
  readonly service: string;
  /** For example `zone-a`. */
  readonly zone: string;
  readonly run: ReplicaExecutable;
  /** Protocol of the listen address. */
  readonly protocol: Protocol;
  /** Passes once the replica can serve. */
  readonly ready: ReadyProbe;
  /** Names of additional listeners. @default none */
  readonly listeners?: readonly string[];
  /** Settings of a Redis, for platforms without its program. */
  readonly redis?: RedisOptions;
  /** Path of metrics in Prometheus' format; absent without metrics. */
  readonly metricsPath?: string;
  /** Expected time until ready, in ms, after scaling. */
  readonly coldStartMs: number;
  /** Names of the links that the replica uses. It starts after the replicas behind them. */
  readonly uses: readonly string[];
  /** Names of links whose addresses the replica has without waiting for what is behind them: to advertise them, or since that waits for it. */
  readonly advertises?: readonly string[];
  readonly restart: RestartPolicy;
  /** How long the replica finishes its work after SIGTERM, in ms. @default 2 s */
  readonly drainMs?: number;
  /** Whether the replica is only started when scaling up. @default false */
  readonly isStandby?: boolean;
  /** Configuration as environment variables, in addition to those of every process. */
  environment(addresses: Addresses): Readonly<Record<string, string>>;
  /** Files to create in the directory before the start, by relative path; private, since they may contain secrets. A path that ends in `/` is a folder. */
  files?(addresses: Addresses): Promise<Readonly<Record<string, string>>>;
}

/** Plan of one replica as made by its service; `topologyOf` adds the defaults: no cold start, links or variables, and restarts. */
export type ServicePlan = Optional<ReplicaPlan, 'coldStartMs' | 'uses' | 'restart' | 'environment'>;

type Optional<Plan, Keys extends keyof Plan> = Omit<Plan, Keys> & Partial<Pick<Plan, Keys>>;

/** Input for the plans of all services. */
export interface TopologyParts {
  readonly options: SettledOptions;
  readonly timeScale: number;
  readonly seed: number;
  /** SHA-256 of each accepted API key, in hex. */
  readonly apiKeyHashes: readonly string[];
  /** Private key with which gateways sign tokens, in PEM; absent where they accept API keys only. */
  readonly signingKeys?: string;
  /** Password of the services' Redis user. */
  readonly redisPassword: string;
  /** Encrypts the entries of the gateways' cache: 64 hex digits; undefined where it is off. */
  readonly cacheKey: string | undefined;
  /** Encrypts the contents of batches: 64 hex digits; absent where they are off. */
  readonly batchKey?: string;
  /** Private key of SM2: 64 hex digits; absent where bodies are not encrypted. */
  readonly encryptionKey?: string;
  readonly zones: readonly string[];
}
