import type { RequestTarget } from '../attack.ts';
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
