import type { ImageName } from './image-names.ts';

/**
 * What the images are made of. Both ways lead to the same packages, binaries and files:
 *
 * ```
 *            registry                                local
 * debian     debian:…-slim                           debootstrap
 * base       debian + packages                       debian + packages      (base/Dockerfile)
 * node       node:…                                  the npm package `node`
 * toxiproxy  .tools/bin/toxiproxy-server            the same
 * image      base + binaries + files                 the same               (<image>/Dockerfile)
 * ```
 *
 * nginx, Redis and Prometheus come from Debian both times rather than from their own official images: those lay files
 * out differently and are of other versions, so that a configuration proven on one would say little about the other.
 */
export interface ImageDefinition {
  /** Debian packages that its base has beside the minimum. */
  readonly packages: readonly string[];
  /** Official images or, locally, binaries that its Dockerfile copies from; each is a build argument of that name. */
  readonly parts: readonly Part[];
}

/** Something that is copied out of another image. */
export type Part = 'node' | 'toxiproxy';

/** Debian's release; its packages are the release's newest, as older ones are not kept. */
export const SUITE = 'bookworm';

/** The official images, by exact version. Tags without digest: a digest would tie them to one processor's listing. */
export const OFFICIAL = {
  debian: 'debian:bookworm-20250520-slim',
  node: 'node:24.21.0-bookworm-slim',
} as const;

/** What tells one part from the next of its kind; Toxiproxy's is the version that `npm run tools` builds. */
export const PART_VERSIONS: Readonly<Record<Part, string>> = { node: OFFICIAL.node, toxiproxy: 'v2.12.0' };

/** The images, by short name. */
export const DEFINITIONS: Readonly<Record<ImageName, ImageDefinition>> = {
  service: { packages: ['ca-certificates', 'libstdc++6'], parts: ['node'] },
  toxiproxy: { packages: ['ca-certificates', 'libstdc++6'], parts: ['toxiproxy'] },
  nginx: { packages: ['nginx-light', 'libnginx-mod-http-modsecurity', 'modsecurity-crs'], parts: [] },
  redis: { packages: ['redis-server'], parts: [] },
  prometheus: { packages: ['prometheus'], parts: [] },
};
