import { X509Certificate } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { KeyPair } from './certificates.ts';
import { type Handshake, type HandshakeOptions, shakeHands } from './handshake.ts';
import { EDGE_PATHS } from './render.ts';

const POLL_MS = 20;
/** Old workers accept a little longer; only an unbroken row of new certificates shows that they have stopped. */
const SETTLED_MS = 300;

/** Puts PEM of certificate and key in one file, which nginx reads for both, so that replacing it is one atomic step. */
export function pemOf({ certificate, key }: KeyPair): string {
  return `${certificate.trim()}\n${key.trim()}\n`;
}

/**
 * Replaces a certificate below `prefix` atomically. nginx goes on with the old one until {@link hotReload}.
 * @param path below the prefix; both `tls.certificate` and `tls.key`
 * @throws SquallError `BAD_CERTIFICATE` when it and its key do not belong together; nothing is written then
 */
export async function placeCertificate(prefix: string, path: string, pair: KeyPair): Promise<void> {
  try {
    createSecureContext({ cert: pair.certificate, key: pair.key });
  } catch (cause) {
    throw new SquallError('option', 'BAD_CERTIFICATE', `Not a certificate and its key: ${messageOf(cause)}`, {
      cause,
      next: 'Give PEM of a certificate and of the private key that belongs to it.',
    });
  }
  const target = join(prefix, path);
  const draft = `${target}.new`;
  await rm(draft, { force: true });
  // Key and all: for the owner alone, from the first byte on.
  await writeFile(draft, pemOf(pair), { mode: 0o600 });
  await rename(draft, target);
}

/** A running nginx, its new certificate, and where to look at it. */
export interface HotReload {
  readonly prefix: string;
  /** `tls.certificate` of its options. */
  readonly path: string;
  readonly pair: KeyPair;
  readonly look: HandshakeOptions;
  readonly clock: Clock;
  /** How long the new certificate may take to be seen alone. @default 5000 */
  readonly limitMs?: number;
}

/**
 * Replaces the certificate, has nginx read it (SIGHUP) and looks until new connections see it and no other for 300 ms.
 * Connections that are open go on with the old one.
 *
 * ```
 * old workers ══accepting══════════╗ draining ─ ─ ─ ▶ gone, or cut after `drainMs`
 *                  new workers ════╩═══accepting══════▶
 *             ▲ SIGHUP         ▲ first seen        ▲ settled: resolves
 * ```
 *
 * @returns the last handshake
 * @throws SquallError `BAD_CERTIFICATE`, `NO_EDGE` when nginx is not running, `RELOAD_UNSEEN` when the old one stays
 */
export async function hotReload(
  { prefix, path, pair, look, clock, limitMs = 5000 }: HotReload,
  signal: AbortSignal,
): Promise<Handshake> {
  await placeCertificate(prefix, path, pair);
  process.kill(await masterOf(prefix), 'SIGHUP');
  const wanted = new X509Certificate(pair.certificate).fingerprint256;
  const deadlineMs = clock.nowMs() + limitMs;
  let sinceMs: number | undefined;
  for (;;) {
    const seen = await shakeHands(look, signal);
    const nowMs = clock.nowMs();
    sinceMs = seen.fingerprint === wanted ? (sinceMs ?? nowMs) : undefined;
    if (sinceMs !== undefined && nowMs - sinceMs >= SETTLED_MS) return seen;
    if (nowMs > deadlineMs) {
      throw new SquallError('stack', 'RELOAD_UNSEEN', `New connections still see the certificate ${seen.fingerprint}`, {
        next: `Look at ${EDGE_PATHS.errorLog} below ${prefix}.`,
      });
    }
    await clock.sleep(POLL_MS, signal);
  }
}

async function masterOf(prefix: string): Promise<number> {
  const pid = Number(await readFile(join(prefix, EDGE_PATHS.pid), 'utf8').catch(() => ''));
  // 0 and negative numbers would signal a whole group.
  if (Number.isInteger(pid) && pid > 1) {
    try {
      process.kill(pid, 0);
      return pid;
    } catch {}
  }
  throw new SquallError('stack', 'NO_EDGE', `No nginx runs on ${prefix}`, { next: 'Start it first.' });
}
