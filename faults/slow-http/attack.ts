import type { z } from 'zod';

/** Upper limits of every attack, whatever its parameters say. A process can usually open 20,000 file descriptors. */
export const LIMITS = { connections: 15_000, perSecond: 10_000, forMs: 3_600_000, sources: 200 } as const;

/** What a connection does in one of its turns. */
export interface Step {
  /** Bytes to send, one character each (latin1). */
  readonly write?: string;
  /** Sends FIN after these bytes and keeps reading. @default false */
  readonly end?: boolean;
  /** Delay before the next turn, in ms. @default there is no next turn */
  readonly intervalMs?: number;
}

/** How an attack opens connections: an open loop at `perSecond`, with at most `connections` open at a time. */
export interface Opening {
  readonly connections: number;
  readonly perSecond: number;
  /** Number of source addresses: 127.0.0.2, 127.0.0.3, … where the target is in 127.0.0.0/8. */
  readonly sources: number;
  /** Whether closed connections are replaced. @default true */
  readonly reopen?: boolean;
}

/** The values that requests contain. */
export interface RequestTarget {
  /** Value of `Host`. */
  readonly host: string;
  /** Value of `Authorization`; empty for none. */
  readonly authorization: string;
  /** Further headers that hold credentials, by name in lower case; an `authorization` among them replaces the other. @default none */
  readonly credentials?: Readonly<Record<string, string>>;
  /** A model that the target serves; empty when the attack needs none. */
  readonly model: string;
}

/** How one connection ended, for {@link Script.judge}. */
export interface Ending {
  /** Statuses of the responses that began, in order. */
  readonly statuses: readonly number[];
  /** The side that closed it; `timeout`: the client, since no response began within `timeoutMs`. */
  readonly by: 'server' | 'client' | 'timeout';
}

/** The connections of an attack as pure state machines: what to do in each turn, given the numbers of connection and turn. */
export interface Script {
  readonly opening: Opening;
  /** `turn` 0 is when the connection can be written to. */
  step(connection: number, turn: number): Step;
  /** Bytes to read per turn, so that the server's buffers stay full. @default everything as it arrives */
  readonly readBytes?: number;
  /** Number of complete responses after which a connection is closed. @default it stays open as long as possible */
  readonly responses?: number;
  /** Maximum wait for a response to begin, in ms. @default unlimited */
  readonly timeoutMs?: number;
  /** How long a connection is read after its last expected response, in ms. @default 0 */
  readonly lingerMs?: number;
  /** Description of the server's mistake that this ending shows; undefined for none. */
  judge?(connection: number, ending: Ending): string | undefined;
}

/** One kind of attack: its parameters and its behaviour. No clock, no socket. */
export interface Attack<Parameters extends z.ZodObject = z.ZodObject> {
  /** Name in scenario files and on the command line. */
  readonly kind: string;
  /** One sentence for `squall attack --help` and `squall list`. */
  readonly summary: string;
  readonly parameters: Parameters;
  /** Default duration on the command line, in ms. */
  readonly defaultForMs: number;
  /** Whether it sends chat requests, which name a model, unless its parameter `request` is `get`. @default false */
  readonly needsModel?: boolean;
  script(parameters: z.output<Parameters>, target: RequestTarget): Script;
}

/** Types an attack's parameters from its schema. */
export function attackOf<Parameters extends z.ZodObject>(attack: Attack<Parameters>): Attack {
  return attack as unknown as Attack;
}
