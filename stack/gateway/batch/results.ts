import { hash } from 'node:crypto';
import type { BatchFiles } from './batches.ts';
import type { LineOutcome } from './line-run.ts';
import type { Claim, Lines } from './lines.ts';
import type { BatchRecord } from './records.ts';

/** Why a line has no response. */
export interface NoResponse {
  readonly code: string;
  readonly message: string;
}

/** Why lines of a batch without a result have none, by how it ended. */
const NOT_RUN: Readonly<Record<'expired' | 'cancelled' | 'completed', NoResponse | undefined>> = {
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
  cancelled: undefined,
  completed: { code: 'internal_error', message: 'The result of this request is missing.' },
};

/**
 * Line of an output or error file, in the form of OpenAI's API. One that was begun more than once says so in `attempts`.
 * @param attempts how often it was begun
 */
export function resultLine(
  { batch: { id }, line }: Pick<Claim, 'batch' | 'line'>,
  customId: string,
  found: LineOutcome | NoResponse,
  attempts: number,
): string {
  const own = `{"id":"batch_req_${hash('sha256', `${id} ${line}`).slice(0, 32)}","custom_id":${JSON.stringify(customId)}`;
  const again = attempts > 1 ? `,"attempts":${attempts}` : '';
  if ('code' in found)
    return `${own},"response":null,"error":${JSON.stringify({ code: found.code, message: found.message })}${again}}`;
  const { status, requestId, body } = found;
  return `${own},"response":{"status_code":${status},"request_id":${JSON.stringify(requestId)},"body":${body}},"error":null${again}}`;
}

/** The files that a batch ends with: results in the order of its lines. */
export async function batchFiles(
  batch: BatchRecord,
  lines: Lines,
  customIdOf: (line: number) => string,
): Promise<BatchFiles> {
  const texts: Record<'output' | 'error', string[]> = { output: [], error: [] };
  const missing = NOT_RUN[batch.ending];
  let line = 0;
  for await (const found of lines.results(batch)) {
    if (found) texts[found.kind].push(found.text);
    else if (missing) texts.error.push(resultLine({ batch, line }, customIdOf(line), missing, 0));
    line += 1;
  }
  const joined = (own: readonly string[]) => (own.length === 0 ? undefined : Buffer.from(`${own.join('\n')}\n`));
  return { output: joined(texts.output), error: joined(texts.error) };
}
