import type { RequestTarget } from '../attack.ts';
import type { AttackReport, AttackSample } from './tally.ts';
import type { AttackTarget } from './target.ts';

/** One attack, for the process that carries it out. */
export interface AttackJob {
  readonly kind: string;
  /** Checked again there. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly target: AttackTarget;
  readonly request: RequestTarget;
  /** It ends by itself after this long, in ms. */
  readonly forMs: number;
}

/** What the attacker is told. */
export type ToAttacker = { readonly type: 'job'; readonly job: AttackJob } | { readonly type: 'stop' };

/** What the attacker tells; `done` once, last. */
export type FromAttacker =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly sample: AttackSample }
  | { readonly type: 'done'; readonly report: AttackReport };
