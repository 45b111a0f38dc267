import { z } from 'zod';
import { type Clock, withLimit } from '../../harness/clock.ts';
import type { Replica, RunningStack } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { ShortResponse } from '../../harness/host/send.ts';
import { replicaFault } from '../fault.ts';
import { lookUntil, secondsSince } from '../probe.ts';

/** A response to a completion, or the time for which there was none. */
interface Completion extends ShortResponse {
  readonly silentMs?: number;
}

/** Silence after which an engine hangs, in ms: far more than one token takes. */
const HANG_MS = 1000;

/** What completions show of each failure. */
const EFFECTS = {
  'not-found': ({ status }: ShortResponse) => status === 404,
  unauthorized: ({ status }: ShortResponse) => status === 401,
  'rate-limited': ({ status }: ShortResponse) => status === 429,
  'server-error': ({ status }: ShortResponse) => status === 500,
  'error-event': ({ status, text }: ShortResponse) => status === 200 && text.includes('"error"') && !TOKEN.test(text),
  'no-token': ({ status, text }: ShortResponse) => status === 200 && text.includes('[DONE]') && !TOKEN.test(text),
  'no-byte': ({ status, text }: ShortResponse) => status === 200 && text === '',
  reset: ({ status, silentMs }: Completion) => status === 0 && silentMs === undefined,
  hang: ({ silentMs = 0 }: Completion) => silentMs >= HANG_MS,
  stall: ({ silentMs = 0 }: Completion) => silentMs >= HANG_MS,
} as const;
const KINDS = Object.keys(EFFECTS) as [keyof typeof EFFECTS, ...(keyof typeof EFFECTS)[]];

const TOKEN = /"(?:content|text)":"[^"]/;
const FAILURE_PATH = '/simulator/failure';
const COMPLETION = {
  method: 'POST',
  path: '/v1/chat/completions',
  body: { messages: [{ role: 'user', content: 'probe' }], max_tokens: 1, stream: true },
} as const;

/**
 * Breaks the engine of a replica in a way that health checks do not notice: each completion fails at once, or, with `hang`, never ends; with
 * `stall` those that are running stop, too. With least connections a replica that fails at once attracts all traffic, since it never has anything in flight.
 *
 * It has taken effect when a real completion, sent directly to the replica, fails in that very way; it has recovered when one gets its
 * token.
 */
export const fault = replicaFault({
  kind: 'engine-failure',
  summary: 'Every completion of an inference replica fails at once, hangs, or stalls, while its health checks pass.',
  parameters: z.object({
    as: z.enum(KINDS).describe('how it fails: a status, 200 with an error or nothing in the stream, or silence'),
  }),
  selfHealing: false,
  create({ as }, replica, { clock, stack }) {
    let broken: string | undefined;
    let brokenMs = 0;
    return {
      async inject(signal) {
        broken = replica.instance;
        brokenMs = clock.nowMs();
        await control(stack, replica, { method: 'PUT', body: { as } }, signal);
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const atMs = clock.nowMs();
          const response = await completionOf(stack, replica, signal, clock);
          if (!EFFECTS[as](response)) return undefined;
          return { atMs, evidence: `a completion of ${replica.name} got ${described(response)}` };
        }),
      async heal(signal) {
        try {
          await control(stack, replica, { method: 'DELETE' }, signal);
        } catch (error) {
          // With an instance that has ended its failure has, too: the next one is whole.
          if (replica.instance === broken) throw error;
        }
      },
      verifyHealed: signal =>
        lookUntil(clock, signal, async () => {
          const { status, text } = await completionOf(stack, replica, signal, clock);
          if (status !== 200 || !TOKEN.test(text)) return undefined;
          const evidence = `a completion of ${replica.name} got its token, ${secondsSince(brokenMs, clock)} after the failure`;
          return { atMs: clock.nowMs(), evidence };
        }),
    };
  },
});

async function control(
  { send }: RunningStack,
  replica: Replica,
  request: { readonly method: 'PUT' | 'DELETE'; readonly body?: unknown },
  signal: AbortSignal,
): Promise<void> {
  const response = await send?.(replica, { ...request, path: FAILURE_PATH }, signal);
  if (response?.status === 204) return;
  const found = response ? described(response) : 'nothing';
  throw new SquallError(
    'fault',
    'NO_SIMULATOR',
    `Expected ${replica.name} to be an inference simulator, whose ${FAILURE_PATH} responds with 204, got ${found}`,
    { next: 'Use `on: inference-1`.' },
  );
}

/**
 * Response to a completion of one token; status 0 without a complete response, at the latest after {@link HANG_MS}.
 * @throws the signal's reason on abort
 */
async function completionOf(
  { send }: RunningStack,
  replica: Replica,
  signal: AbortSignal,
  clock: Clock,
): Promise<Completion> {
  const none = { status: 0, text: '' };
  let silentMs: number | undefined;
  const late = () => {
    silentMs = HANG_MS;
  };
  const sending = async (limited: AbortSignal) => (await send?.(replica, COMPLETION, limited)) ?? none;
  try {
    return await withLimit(HANG_MS, signal, sending, clock, late);
  } catch (error) {
    signal.throwIfAborted();
    return silentMs === undefined ? { ...none, text: messageOf(error) } : { ...none, silentMs };
  }
}

function described({ status, text, silentMs }: Completion): string {
  if (silentMs !== undefined) return `no token for ${silentMs / 1000} s`;
  const shown = text.replaceAll(/\s+/g, ' ').slice(0, 120).trim();
  return `${status || 'no response'}${shown ? `: ${shown}` : ''}`;
}
