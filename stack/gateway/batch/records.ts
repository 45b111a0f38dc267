/** Paths that a line of a batch may have. */
export const ENDPOINTS = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings'] as const;

/** One of {@link ENDPOINTS}. */
export type BatchEndpoint = (typeof ENDPOINTS)[number];

/** How a batch can end once its lines have run, or will no longer. */
export type Ending = 'completed' | 'expired' | 'cancelled';

/** State of a batch, by the names of OpenAI's API. */
export type BatchStatus = 'validating' | 'failed' | 'in_progress' | 'cancelling' | 'finalizing' | Ending;

/** Whether nothing more will happen to a batch. */
export function hasEnded(status: BatchStatus): boolean {
  return status === 'failed' || status === 'completed' || status === 'expired' || status === 'cancelled';
}

/** A file: its content is kept apart. Times are in ms since the epoch. */
export interface FileRecord {
  readonly id: string;
  /** Caller whose it is; others never see it. */
  readonly tenant: string;
  readonly name: string;
  readonly purpose: string;
  readonly bytes: number;
  /** What it counts for, with its record. */
  readonly size: number;
  readonly createdMs: number;
  /** Number of batches that still need it. */
  readonly uses: number;
}

/** What is wrong with a line of an input file. */
export interface LineError {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** From 1; null for the file as a whole. */
  readonly line: number | null;
}

/** A batch. Times are in ms since the epoch. */
export interface BatchRecord {
  readonly id: string;
  readonly tenant: string;
  readonly input: string;
  readonly endpoint: BatchEndpoint;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly status: BatchStatus;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** Number of its lines; 0 before they are validated. */
  readonly total: number;
  /** The first line that no gateway has begun. */
  readonly next: number;
  readonly completed: number;
  readonly failed: number;
  readonly errors: readonly LineError[];
  /** Bytes that its record counts for. */
  readonly size: number;
  /** How it is going to end, while it is `finalizing`. */
  readonly ending: Ending;
  readonly outputFile: string | undefined;
  readonly errorFile: string | undefined;
  /** When it came into a state, by its name. */
  readonly times: Readonly<Partial<Record<BatchStatus, number>>>;
}

type Fields = Readonly<Record<string, string>>;

/** Reads the hash of a file; undefined if there is none. */
export function fileOf(id: string, { tenant, name = '', purpose = '', ...numbers }: Fields): FileRecord | undefined {
  if (tenant === undefined) return undefined;
  const number = (field: string) => Number(numbers[field] ?? 0);
  const bytes = number('bytes');
  const size = number('size') || bytes;
  return { id, tenant, name, purpose, bytes, size, createdMs: number('createdMs'), uses: number('uses') };
}

/** Reads the hash of a batch; undefined if there is none. */
export function batchOf(id: string, fields: Fields): BatchRecord | undefined {
  const { tenant, input = '', endpoint, metadata, status, errors, ending, output, error } = fields;
  if (tenant === undefined) return undefined;
  const number = (field: string) => Number(fields[field] ?? 0);
  const times = Object.entries(fields).flatMap(([field, value]) =>
    field.startsWith('at:') ? [[field.slice(3), Number(value)]] : [],
  );
  return {
    ...{ id, tenant, input, endpoint: endpoint as BatchEndpoint, status: status as BatchStatus },
    metadata: metadata === undefined ? null : (JSON.parse(metadata) as Record<string, string>),
    ...{ createdMs: number('createdMs'), expiresMs: number('expiresMs'), total: number('total') },
    ...{ next: number('next'), completed: number('completed'), failed: number('failed'), size: number('size') },
    errors: errors === undefined ? [] : (JSON.parse(errors) as LineError[]),
    ending: (ending ?? 'completed') as Ending,
    ...{ outputFile: output, errorFile: error },
    times: Object.fromEntries(times),
  };
}

const seconds = (ms: number) => Math.floor(ms / 1000);

/** A file in the form of OpenAI's API. @param keepMs how long it is kept */
export function fileJson(file: Omit<FileRecord, 'size' | 'uses'>, keepMs: number): object {
  const { id, name, purpose, bytes, createdMs } = file;
  return {
    ...{ id, object: 'file', bytes, created_at: seconds(createdMs), expires_at: seconds(createdMs + keepMs) },
    ...{ filename: name, purpose, status: 'processed', status_details: null },
  };
}

/** A batch in the form of OpenAI's API. */
export function batchJson(batch: BatchRecord): object {
  const { id, endpoint, errors, input, status, outputFile, errorFile, createdMs, expiresMs, times, metadata } = batch;
  const at = (state: BatchStatus) => (times[state] === undefined ? null : seconds(times[state]));
  return {
    ...{ id, object: 'batch', endpoint, input_file_id: input, completion_window: '24h', status },
    errors: errors.length === 0 ? null : { object: 'list', data: errors },
    ...{ output_file_id: outputFile ?? null, error_file_id: errorFile ?? null },
    ...{ created_at: seconds(createdMs), expires_at: seconds(expiresMs), in_progress_at: at('in_progress') },
    ...{ finalizing_at: at('finalizing'), completed_at: at('completed'), failed_at: at('failed') },
    ...{ expired_at: at('expired'), cancelling_at: at('cancelling'), cancelled_at: at('cancelled') },
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    metadata,
  };
}
