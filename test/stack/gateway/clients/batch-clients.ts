import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import OpenAI, { NotFoundError } from 'openai';
import { expect } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { findProgram } from '../../../../harness/host/programs.ts';

/** Base URLs of two gateways. */
type Urls = readonly [string, string];

export const python = findProgram('openai-python');
export const curl = findProgram('curl');

/** What a client saw of its batch. */
export interface BatchSeen {
  readonly status: string;
  readonly counts: { readonly total: number; readonly completed: number; readonly failed: number };
  readonly metadata: unknown;
  readonly output: string;
  readonly isListed: boolean;
  readonly files: number;
  readonly missing: number;
}

/** A batch once it has ended. */
export async function ended(client: OpenAI, id: string): Promise<OpenAI.Batch> {
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) return batch;
    await systemClock.sleep(30);
  }
}

/** OpenAI's client for Node.js, which asks the other gateway for the results. */
export async function nodeBatch(urls: Urls, input: string): Promise<BatchSeen> {
  const [first, second] = urls.map(baseURL => new OpenAI({ baseURL, maxRetries: 0, apiKey: 'good' })) as [
    OpenAI,
    OpenAI,
  ];
  const file = await first.files.create({ file: createReadStream(input), purpose: 'batch' });
  const created = await first.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: { name: 'test' },
  });
  const batch = await ended(second, created.id);
  const output = batch.output_file_id ? await (await second.files.content(batch.output_file_id)).text() : '';
  const listed: string[] = [];
  for await (const own of second.batches.list({ limit: 1 })) listed.push(own.id);
  expect(await second.files.delete(file.id)).toMatchObject({ deleted: true });
  const files: string[] = [];
  for await (const own of second.files.list()) files.push(own.id);
  const error = await first.files.retrieve(file.id).catch(thrown => thrown as NotFoundError);
  return {
    ...{ status: batch.status, counts: batch.request_counts!, metadata: batch.metadata, output },
    ...{ isListed: listed.includes(batch.id), files: files.length, missing: error instanceof NotFoundError ? 404 : 0 },
  };
}

/** OpenAI's client for Python, at one gateway. */
export async function pythonBatch(urls: Urls, input: string): Promise<BatchSeen> {
  const script = join(import.meta.dirname, 'batch-client.py');
  const { stdout } = await promisify(execFile)(python!.command, [script, urls[0], 'good', input, 'tiny']);
  return JSON.parse(stdout) as BatchSeen;
}

/** curl, as {@link nodeBatch}. */
export async function curlBatch(urls: Urls, input: string): Promise<BatchSeen> {
  const send = async (nth: number, path: string, ...options: string[]) => {
    const url = `${urls[nth]}${path}`;
    const { stdout } = await promisify(execFile)(curl!.command, [
      '-sS',
      '-H',
      'authorization: Bearer good',
      ...options,
      url,
    ]);
    return stdout;
  };
  const json = async <Value>(...call: Parameters<typeof send>) => JSON.parse(await send(...call)) as Value;
  const { id } = await json<{ id: string }>(0, '/files', '-F', 'purpose=batch', '-F', `file=@${input}`);
  const wanted = {
    input_file_id: id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: { name: 'test' },
  };
  let batch = await json<OpenAI.Batch>(
    0,
    '/batches',
    '-H',
    'content-type: application/json',
    '-d',
    JSON.stringify(wanted),
  );
  while (batch.status !== 'completed') batch = await json(1, `/batches/${batch.id}`);
  const output = await send(1, `/files/${batch.output_file_id}/content`);
  const { data: listed } = await json<{ data: { id: string }[] }>(1, '/batches');
  expect(await json(1, `/files/${id}`, '-X', 'DELETE')).toMatchObject({ deleted: true });
  const { data: files } = await json<{ data: unknown[] }>(1, '/files');
  return {
    ...{ status: batch.status, counts: batch.request_counts!, metadata: batch.metadata, output },
    ...{ isListed: listed.some(own => own.id === batch.id), files: files.length },
    missing: Number(await send(0, `/files/${id}`, '-o', '/dev/null', '-w', '%{http_code}')),
  };
}
