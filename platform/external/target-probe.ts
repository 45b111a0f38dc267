import { once } from 'node:events';
import { type FirstByte, type ProbeOptions, probe } from '../../harness/host/probe.ts';

const CHAT_PATH = '/v1/chat/completions';

/** How to probe a target. */
export interface TargetProbeOptions extends ProbeOptions {
  /** Its own address, `host:port`, where `via` is that of a link in front of it. */
  readonly direct: string;
  /** Base URL of the target, in front of `/v1`. */
  readonly base: string;
}

/**
 * Probes a target about which nothing is known. Any response is an answer. A server that cuts connections with a `GET` gets an empty
 * JSON object by `POST` where its API is, which no server takes for a prompt. Where that is cut as well, the cut is the answer, if the
 * server itself still accepts connections: a link in front of it always does.
 * @throws without an answer: the connection error, or the signal's reason on abort
 */
export async function probeTarget(path: string, options: TargetProbeOptions): Promise<FirstByte> {
  const { base, clock } = options;
  try {
    return await probe(base + path, options);
  } catch (error) {
    if (!isCut(error)) throw error;
  }
  const sentMs = clock.nowMs();
  try {
    return await probe(base + CHAT_PATH, { ...options, body: '{}' });
  } catch (error) {
    if (!isCut(error)) throw error;
    const cut = { isReady: false, sentMs, ttfbMs: clock.nowMs() - sentMs };
    await shakeHands(options);
    return cut;
  }
}

/** Whether a connection was established and ended without a byte. */
function isCut(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
}

async function shakeHands({ direct, network, signal }: TargetProbeOptions): Promise<void> {
  const { hostname, port } = new URL(`http://${direct}`);
  const socket = network.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
  try {
    await once(socket, 'connect', { signal });
  } finally {
    socket.on('error', () => {}).destroy();
  }
}
