import { type ErrorKind, messageOf, SquallError } from '../harness/errors.ts';

/** Exit codes of every command. */
export const EXIT = {
  pass: 0,
  sloFailed: 1,
  inconclusive: 2,
  usage: 3,
  environment: 4,
  interrupted: 130,
} as const;

const BY_KIND: Readonly<Record<ErrorKind, number>> = {
  option: EXIT.usage,
  scenario: EXIT.usage,
  environment: EXIT.environment,
  stack: EXIT.environment,
  fault: EXIT.environment,
};

/** The exit code that an error stands for; what is not ours is a failure of the harness. */
export function exitCodeOf(error: unknown): number {
  return error instanceof SquallError ? BY_KIND[error.kind] : EXIT.environment;
}

/** Of several exit codes the one that matters most: interrupted, then harness trouble, a failed SLO, inconclusive, pass. */
export function worstExit(codes: readonly number[]): number {
  const order: number[] = [
    EXIT.pass,
    EXIT.inconclusive,
    EXIT.sloFailed,
    EXIT.usage,
    EXIT.environment,
    EXIT.interrupted,
  ];
  return codes.reduce(
    (worst, code) => (order.indexOf(code) > order.indexOf(worst) ? code : worst),
    EXIT.pass as number,
  );
}

/** An error as a person should read it: what, then what to do. A stack trace only for what is a bug of ours. */
export function errorText(error: unknown): string {
  if (!(error instanceof SquallError))
    return `squall: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`;
  return `squall: ${error.message}${error.next ? `\n  → ${error.next}` : ''}`;
}
