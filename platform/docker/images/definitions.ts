import type { ImageName } from './image-names.ts';

/**
 * Contents of an image. Both sources result in the same packages, binaries and files:
 *
 * ```
 *            registry                                local
 * debian     debian:…-slim                           debootstrap
 * base       debian + packages                       debian + packages      (base/Dockerfile)
 * node       node:…                                  the one that runs this
 * toxiproxy  .tools/bin/toxiproxy-server            the same
 * image      base + binaries + files                 the same               (<image>/Dockerfile)
 * ```
 *
 * nginx, Redis and Prometheus come from Debian in both cases: their official images have other layouts and versions, so a configuration
 * tested on one would say little about the other.
 */
export interface ImageDefinition {
  /** Debian packages of its base, in addition to the minimum. */
  readonly packages: readonly string[];
  /** Images that its Dockerfile copies binaries from; each is a build argument of that name. */
  readonly parts: readonly Part[];
}

/** Program that is copied from another image. */
export type Part = 'node' | 'toxiproxy';

/** Debian release. Packages are the newest of the release, since it does not keep older ones. */
export const SUITE = 'bookworm';

/** Official images by exact version, without digest, which would be specific to a processor. */
export const OFFICIAL = {
  debian: 'debian:bookworm-20250520-slim',
  node: 'node:24.21.0-bookworm-slim',
} as const;

/** Version of each part; Toxiproxy's is the one that `npm run tools` builds. */
export const PART_VERSIONS: Readonly<Record<Part, string>> = { node: OFFICIAL.node, toxiproxy: 'v2.12.0' };

/** Images by short name. */
export const DEFINITIONS: Readonly<Record<ImageName, ImageDefinition>> = {
  service: { packages: ['ca-certificates', 'libstdc++6'], parts: ['node'] },
  toxiproxy: { packages: ['ca-certificates', 'libstdc++6'], parts: ['toxiproxy'] },
  nginx: { packages: ['nginx-light', 'libnginx-mod-http-modsecurity', 'modsecurity-crs'], parts: [] },
  redis: { packages: ['redis-server'], parts: [] },
  prometheus: { packages: ['prometheus'], parts: [] },
};
