import { SquallError } from '../../../harness/errors.ts';

/** How bases are had: from official images, or made on this machine without any registry. */
export type Way = 'registry' | 'local';

/** What was found out about this machine. */
export interface Findings {
  /** Why official images cannot be had, or undefined when they can. */
  readonly registryTrouble: string | undefined;
  /** What the local way lacks, or undefined when it lacks nothing. */
  readonly localTrouble: string | undefined;
}

/** A way, and why it was taken, as half a sentence. */
export interface Choice {
  readonly way: Way;
  readonly why: string;
}

/**
 * The way to go: the one that is `forced`, else the registry where it answers, else local.
 * @throws SquallError `NO_WAY_TO_BUILD` when the forced way, or both ways, cannot be gone
 */
export function chooseWay({ registryTrouble, localTrouble }: Findings, forced?: Way): Choice {
  if (forced === 'registry' && registryTrouble) throw blocked(`The registry way is not open: ${registryTrouble}`);
  if (forced === 'local' && localTrouble) throw blocked(`The local way is not open: ${localTrouble}`);
  if (forced) return { way: forced, why: 'as asked for' };
  if (!registryTrouble) return { way: 'registry', why: 'the registry answers' };
  if (!localTrouble) return { way: 'local', why: `no registry: ${registryTrouble}` };
  throw blocked(`Neither way is open. Registry: ${registryTrouble}. Local: ${localTrouble}`);
}

function blocked(message: string): SquallError {
  return new SquallError('environment', 'NO_WAY_TO_BUILD', `${message}.`, {
    next: 'Let the engine reach its registry, or on Debian: as root, `apt-get install debootstrap` and `npm run tools`.',
  });
}
