import { messageOf, SquallError } from '../harness/errors.ts';

/** Exit codes of every command. */
export const EXIT = {
  pass: 0,
  sloFailed: 1,
  inconclusive: 2,
  usage: 3,
  environment: 4,
  interrupted: 130,
} as const;

const BY_SEVERITY = [
  EXIT.interrupted,
  EXIT.environment,
  EXIT.usage,
  EXIT.sloFailed,
  EXIT.inconclusive,
  EXIT.pass,
] as const;

/** The exit code for an error; `environment` for a bug of Squall. */
export function exitCodeOf(error: unknown): number {
  const isUsage = error instanceof SquallError && (error.kind === 'option' || error.kind === 'scenario');
  return isUsage ? EXIT.usage : EXIT.environment;
}

/** The most severe of several exit codes; `pass` for none. */
export function worstExit(codes: readonly number[]): number {
  return BY_SEVERITY.find(code => codes.includes(code)) ?? EXIT.pass;
}

/** An error for the terminal: what is wrong, then what to do. Only a bug of Squall shows its stack trace. */
export function errorText(error: unknown): string {
  if (!(error instanceof SquallError))
    return `squall: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`;
  return `squall: ${error.message}${error.next ? `\n  → ${error.next}` : ''}`;
}
