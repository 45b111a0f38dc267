import { z } from 'zod';
import type { Replica, RunningStack } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { ShortResponse } from '../../harness/host/send.ts';
import { replicaFault } from '../fault.ts';
import { lookUntil, secondsSince } from '../probe.ts';

/** What completions show of each failure. */
const EFFECTS = {
  'not-found': ({ status }: ShortResponse) => status === 404,
  unauthorized: ({ status }: ShortResponse) => status === 401,
  'rate-limited': ({ status }: ShortResponse) => status === 429,
  'server-error': ({ status }: ShortResponse) => status === 500,
  'error-event': ({ status, text }: ShortResponse) => status === 200 && text.includes('"error"') && !TOKEN.test(text),
  'no-token': ({ status, text }: ShortResponse) => status === 200 && text.includes('[DONE]') && !TOKEN.test(text),
  'no-byte': ({ status, text }: ShortResponse) => status === 200 && text === '',
  reset: ({ status }: ShortResponse) => status === 0,
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
 * Breaks the engine of a replica in a way that health checks do not notice: each completion fails at once. With least connections such
 * a replica attracts all traffic, since it never has anything in flight.
 *
 * It has taken effect when a real completion, sent directly to the replica, fails in that very way; it has recovered when one gets its
 * token.
 */
export const fault = replicaFault({
  kind: 'engine-failure',
  summary: 'Every completion of an inference replica fails at once, while its health checks pass.',
  parameters: z.object({
    as: z.enum(KINDS).describe('how it fails: a status, or 200 with an error or nothing in the stream'),
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
          const response = await completionOf(stack, replica, signal);
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
          const { status, text } = await completionOf(stack, replica, signal);
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

/** Response to a completion of one token; status 0 without a complete response. @throws the signal's reason on abort */
async function completionOf({ send }: RunningStack, replica: Replica, signal: AbortSignal): Promise<ShortResponse> {
  try {
    return (await send?.(replica, COMPLETION, signal)) ?? { status: 0, text: '' };
  } catch (error) {
    signal.throwIfAborted();
    return { status: 0, text: messageOf(error) };
  }
}

function described({ status, text }: ShortResponse): string {
  const shown = text.replaceAll(/\s+/g, ' ').slice(0, 120).trim();
  return `${status || 'no response'}${shown ? `: ${shown}` : ''}`;
}
