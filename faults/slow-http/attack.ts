import type { z } from 'zod';

/** Hard upper limits of every attack, whatever is asked for. A process has 20,000 file descriptors on a usual machine. */
export const LIMITS = { connections: 15_000, perSecond: 10_000, forMs: 3_600_000, sources: 200 } as const;

/** What a connection does at one of its turns. */
export interface Step {
  /** Bytes to send, one character each (latin1). */
  readonly write?: string;
  /** Says after these bytes that nothing more will come (FIN), and goes on listening. */
  readonly end?: boolean;
  /** The next turn comes after this many ms; without it there is none. */
  readonly againMs?: number;
}

/** How an attack opens its connections: an open loop at `perSecond`, with at most `connections` open at a time. */
export interface Opening {
  readonly connections: number;
  readonly perSecond: number;
  /** Opened in all. */
  readonly total: number;
  /** Source addresses to spread over: 127.0.0.2, 127.0.0.3, … where the target is in 127.0.0.0/8. */
  readonly sources: number;
}

/** What requests are made of. */
export interface RequestTarget {
  /** Value of `Host`. */
  readonly host: string;
  /** Value of `Authorization`; empty for none. */
  readonly authorization: string;
  /** A model that the target serves; empty when it was not asked. */
  readonly model: string;
}

/** How one connection ended, for {@link Attack.judge}. */
export interface Ending {
  /** Statuses of the answers that began, in order. */
  readonly statuses: readonly number[];
  /** Who ended it; `silence`: nobody, and not even an answer began within the limit. */
  readonly by: 'server' | 'client' | 'silence';
}

/** The connections of an attack as pure state machines: what to do at each turn, from the connection's number and the turn's. */
export interface Script {
  readonly opening: Opening;
  /** `turn` 0 is when the connection has been made. */
  step(connection: number, turn: number): Step;
  /** How answers are read: `all` as they come; a number: so many bytes at each turn, so that the server's buffers stay full. */
  readonly read: 'all' | number;
  /** Answers after which a connection has had what it came for and is closed; null: it stays as long as it may. */
  readonly answers: number | null;
  /** Longest wait for an answer to begin, in ms, before the ending is `silence`. @default for ever */
  readonly silenceMs?: number;
  /** How long a connection listens for more than the answers it came for, in ms. @default 0 */
  readonly lingerMs?: number;
  /** Why this ending is a mistake of the server's, in words; undefined where it is none. */
  judge?(connection: number, ending: Ending): string | undefined;
}

/** One kind of attack: its parameters and its behaviour. No clock, no socket. */
export interface Attack<Parameters extends z.ZodObject = z.ZodObject> {
  /** The word that scenario files and the command line use. */
  readonly kind: string;
  /** One sentence for `squall attack --help` and `squall list`. */
  readonly summary: string;
  readonly parameters: Parameters;
  /** How long it lasts unless told otherwise, in ms. */
  readonly defaultForMs: number;
  /** Whether it sends chat requests and so needs the name of a model, unless a parameter `request` is `get`. */
  readonly needsModel: boolean;
  script(parameters: z.output<Parameters>, target: RequestTarget): Script;
}

/** Whether an attack with these parameters needs the name of a model. */
export function asksModel({ needsModel }: Attack, parameters: Readonly<Record<string, unknown>>): boolean {
  return needsModel && parameters.request !== 'get';
}

/** Types an attack's parameters from its schema. */
export function attackOf<Parameters extends z.ZodObject>(attack: Attack<Parameters>): Attack {
  return attack as unknown as Attack;
}
