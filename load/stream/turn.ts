import { rampAt } from '../../harness/arrivals/arrivals.ts';
import type { LoadJob } from '../../harness/contracts.ts';
import { draw } from '../../harness/distribution.ts';
import { type BatchJobsPlan, isStreamed, type UserClass } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import { turnsOf } from '../request/prompt.ts';
import { readAllPrompts } from '../request/prompts-file.ts';
import { buildRequest, type Sender } from '../request/request.ts';
import { resolvedPlan } from '../request/secrets.ts';
import type { TraceLengths } from '../trace/lengths.ts';
import type { ClientTimeout } from './client-request.ts';
import type { StreamOptions } from './stream-options.ts';
import type { RequestTask } from './task.ts';
import type { ConnectionUser } from './wire/connections.ts';

/** Request that is due: its user, and its turn in a session. */
export interface Turn {
  readonly dueMs: number;
  /** Number of the session, without sessions of the request; it decides the prompt and the number of turns. */
  readonly session: number;
  /** From 0. */
  readonly turn: number;
  /** User of a closed loop, from 1; null in an open loop. */
  readonly user: number | null;
  /** Token counts of a replayed row. */
  readonly tokens?: readonly [number, number] | undefined;
}

/** Turns into requests; all that is random depends only on seed, salt and turn. The constructor reads files of prompts. */
export class TurnMaker {
  readonly #job: LoadJob;
  readonly #lengths: TraceLengths | undefined;
  readonly #streamOptions: Pick<StreamOptions, 'areSent'>;
  readonly #rows: ReturnType<typeof readAllPrompts>;

  constructor(job: LoadJob, lengths: TraceLengths | undefined, streamOptions: Pick<StreamOptions, 'areSent'>) {
    this.#job = { ...job, plan: resolvedPlan(job.plan, process.env) };
    this.#lengths = lengths;
    this.#rows = readAllPrompts(job.plan);
    this.#streamOptions = streamOptions;
  }

  /** Request of a turn. @param index position of the request among all @param number in its id, where it is not part of the load */
  task(turn: Turn, index: number, number: number | string = index): RequestTask {
    const { plan } = this.#job;
    const userClass = this.#classOf(turn);
    const workload = userClass?.workload ?? plan.workload;
    return {
      index,
      scheduledMs: turn.dueMs,
      stage: rampAt(plan.ramps, turn.dueMs)?.name ?? '',
      labels: {
        ...(userClass && { class: userClass.name }),
        ...(workload.kind !== 'http' && workload.sessions && { session: turn.session, turn: turn.turn }),
      },
      user: this.#userOf(turn),
      expect: workload.kind === 'http' ? workload.expect : null,
      stream: isStreamed(workload),
      ...buildRequest(workload, number, this.#sender(userClass), {
        ...{ session: turn.session, turn: turn.turn },
        source: { tokens: turn.tokens, lengths: this.#lengths, rows: this.#rows(workload) },
      }),
    };
  }

  /** Turn that follows a completed one after a think time; undefined at the end of the session. */
  following(turn: Turn, endedMs: number): Turn | undefined {
    const workload = this.#classOf(turn)?.workload ?? this.#job.plan.workload;
    if (workload.kind === 'http' || !workload.sessions) return undefined;
    if (turn.turn + 1 >= turnsOf(workload, this.#job.seed, turn.session)) return undefined;
    const random = seededRandom(this.#job.seed).stream('thinking').stream(`${turn.session}/${turn.turn}`);
    return { ...turn, turn: turn.turn + 1, dueMs: endedMs + draw(workload.sessions.thinkTimeMs, random) };
  }

  /** Client timeout of a turn; null if the user never gives up. */
  clientTimeout(turn: Turn): ClientTimeout | null {
    const { plan, seed } = this.#job;
    const clientTimeout = this.#classOf(turn)?.clientTimeout ?? plan.clients?.clientTimeout;
    if (!clientTimeout) return null;
    const random = seededRandom(seed).stream('clientTimeout').stream(`${turn.session}/${turn.turn}`);
    return { ...clientTimeout, afterMs: Math.max(0, draw(clientTimeout.afterMs, random)) };
  }

  /** In an open loop a user leaves after the last turn; one of a closed loop stays. */
  #userOf(turn: Turn): ConnectionUser | undefined {
    if (this.#job.plan.clients?.connections.kind !== 'per-user') return undefined;
    if (turn.user !== null) return { key: `user ${turn.user}`, isLast: false };
    return { key: `session ${turn.session}`, isLast: !this.following(turn, 0) };
  }

  /** Batches that a turn's class submits, instead of single requests. */
  batchOf(turn: Turn): BatchJobsPlan | undefined {
    return this.#classOf(turn)?.batch;
  }

  /** A user of a closed loop keeps its class; in an open loop each session belongs to another user. */
  #classOf({ user, session }: Turn): UserClass | undefined {
    const { plan, seed } = this.#job;
    const classes = plan.clients?.classes ?? [];
    if (classes.length === 0) return undefined;
    const total = classes.reduce((sum, { weight }) => sum + weight, 0);
    const who = user === null ? String(session) : `user-${user}`;
    let left = seededRandom(seed).stream('classes').stream(who).next() * total;
    for (const candidate of classes) {
      left -= candidate.weight;
      if (left < 0) return candidate;
    }
    return classes.at(-1);
  }

  #sender(userClass: UserClass | undefined): Sender {
    const { runId, seed, authorization, plan } = this.#job;
    const { key, priority } = userClass ?? {};
    const { body, salt, headers } = plan;
    // A key of a class is more specific than a header of the load.
    const own = key === undefined ? headers : { ...headers, authorization: `Bearer ${key}` };
    const dialect = { usage: this.#streamOptions.areSent };
    return { runId, seed, salt, body, authorization, priority, headers: own, dialect };
  }
}
