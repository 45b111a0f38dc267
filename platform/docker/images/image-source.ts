import { SquallError } from '../../../harness/errors.ts';

/** Source of base images: official images from the registry, or packages and programs of this machine. */
export type ImageSource = 'registry' | 'local';

/** Source, and the reason for its choice. */
export interface SourceChoice {
  readonly source: ImageSource;
  readonly reason: string;
}

/**
 * Chooses a source: the requested one, else the registry if it responds, else local.
 * @param problems why a source is unavailable; undefined if it is available
 * @throws SquallError `NO_IMAGE_SOURCE` if the requested source, or every source, is unavailable
 */
export function chooseSource(
  { registry, local }: Readonly<Record<ImageSource, string | undefined>>,
  requested?: ImageSource,
): SourceChoice {
  if (requested === 'registry' && registry) throw unavailable(`The registry is unavailable: ${registry}`);
  if (requested === 'local' && local) throw unavailable(`A local build is not possible: ${local}`);
  if (requested) return { source: requested, reason: 'as requested' };
  if (!registry) return { source: 'registry', reason: 'the registry responds' };
  if (!local) return { source: 'local', reason: `no registry: ${registry}` };
  throw unavailable(`No source of images is available. Registry: ${registry}. Local: ${local}`);
}

function unavailable(message: string): SquallError {
  return new SquallError('environment', 'NO_IMAGE_SOURCE', `${message}.`, {
    next: 'Give the engine access to its registry, or on Debian as root: `apt-get install debootstrap` and `npm run tools`.',
  });
}
