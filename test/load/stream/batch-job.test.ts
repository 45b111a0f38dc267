import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { thisMachine } from '../../../harness/host/network.ts';
import { tokenEntries } from '../../../harness/host/token-client.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { batchForm, batchInput, missingResults } from '../../../load/stream/batch/batch-files.ts';
import { BatchJob } from '../../../load/stream/batch/batch-job.ts';
import { parseForm } from '../../../stack/gateway/batch/multipart.ts';

const task = {
  ...{ index: 3, scheduledMs: 0, stage: 'load', promptTokens: 5, expect: null, labels: { class: 'jobs' } },
  ...{ method: 'POST', path: '/v1/chat/completions', headers: { authorization: 'Bearer key' } },
  body: '{"model":"tiny","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
};
const results = (...ids: number[]) => ids.map(id => `{"custom_id":"line-${id}"}\n`).join('');

let server: Server | undefined;
afterEach(() => void server?.close());

type Respond = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** What a job of three lines becomes at a service. @param replies by method and path */
async function run(
  replies: Readonly<Record<string, Respond>>,
  withinMs = 1500,
): Promise<RequestRecord & { why: string }> {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => {
      body += String(chunk);
    });
    request.on('end', () => {
      const reply = replies[`${request.method} ${request.url}`];
      if (reply) reply(request, response, body);
      else response.writeHead(404).end('{}');
    });
  });
  const { port } = await thisMachine.network.listen(server, { host: '127.0.0.1', port: 0 });
  return new Promise(resolve => {
    const job = new BatchJob(task, {
      ...{
        machine: thisMachine,
        jobs: { lines: 3, withinMs },
        startAtMs: thisMachine.clock.nowMs(),
        signIn: undefined,
      },
      entries: tokenEntries([`http://127.0.0.1:${port}`], {}),
      settled: (_, record, cause) => resolve({ ...record, why: cause?.message ?? '' }),
    });
    job.send();
  });
}

const json =
  (value: object): Respond =>
  (_, response) =>
    void response.end(JSON.stringify(value));
const text =
  (value: string): Respond =>
  (_, response) =>
    void response.end(value);
const accepts = { 'POST /v1/files': json({ id: 'file-1' }), 'POST /v1/batches': json({ id: 'batch_1' }) };
const completed = json({ status: 'completed', output_file_id: 'file-2', error_file_id: 'file-3' });

test('is complete with one result for each line, in either file, and its first token is the acceptance', async () => {
  const seen: string[] = [];
  let polls = 0;
  const record = await run(
    {
      'POST /v1/files': ({ headers }, response, body) => {
        const [purpose, file] = parseForm(headers['content-type'], Buffer.from(body));
        seen.push(String(purpose!.content), String(file!.content), headers.authorization!);
        response.end('{"id":"file-1"}');
      },
      'POST /v1/batches': (_, response, body) => {
        seen.push(body);
        response.end('{"id":"batch_1"}');
      },
      'GET /v1/batches/batch_1': (request, response, body) => {
        polls += 1;
        (polls === 1
          ? json({ status: 'in_progress' })
          : polls === 2
            ? (_: unknown, own: ServerResponse) => void own.writeHead(503).end()
            : completed)(request, response, body);
      },
      'GET /v1/files/file-2/content': text(results(2, 0)),
      'GET /v1/files/file-3/content': text(results(1)),
    },
    10_000,
  );
  expect(record).toMatchObject({ outcome: 'ok', index: 3, class: 'jobs', promptTokens: 5 });
  expect(record.firstTokenMs).toBeLessThan(record.endMs - 900);
  expect(polls).toBe(3);
  expect(seen[0]).toBe('batch');
  const lines = seen[1]!
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as object);
  expect(lines).toHaveLength(3);
  expect(lines[1]).toEqual({
    custom_id: 'line-1',
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'tiny', messages: [] },
  });
  expect(seen[2]).toBe('Bearer key');
  expect(JSON.parse(seen[3]!)).toEqual({
    input_file_id: 'file-1',
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
});

test.each([
  [
    'a line without a result',
    {
      ...accepts,
      'GET /v1/batches/batch_1': completed,
      'GET /v1/files/file-2/content': text(results(0, 1)),
      'GET /v1/files/file-3/content': text(''),
    },
    /1 of 3 results are missing/,
  ],
  [
    'a line with two results',
    {
      ...accepts,
      'GET /v1/batches/batch_1': completed,
      'GET /v1/files/file-2/content': text(results(0, 1, 2)),
      'GET /v1/files/file-3/content': text(results(1)),
    },
    /line-1 is there twice/,
  ],
  ['a batch that failed', { ...accepts, 'GET /v1/batches/batch_1': json({ status: 'failed' }) }, /it is failed/],
  ['a batch that is forgotten', accepts, /does not know it any more/],
  [
    'a batch that does not end',
    { ...accepts, 'GET /v1/batches/batch_1': json({ status: 'in_progress' }) },
    /not ended in time/,
  ],
  ['results that cannot be read', { ...accepts, 'GET /v1/batches/batch_1': completed }, /cannot be read: status 404/],
])('is lost with %s', async (_, replies, why) => {
  const record = await run(replies);
  expect(record).toMatchObject({ outcome: 'lost', why: expect.stringMatching(why) as string });
  expect(record.firstTokenMs).not.toBeNull();
});

test.each([
  [
    'its file',
    { 'POST /v1/files': (_: IncomingMessage, response: ServerResponse) => void response.writeHead(503).end('full') },
  ],
  [
    'it',
    {
      ...accepts,
      'POST /v1/batches': (_: IncomingMessage, response: ServerResponse) => void response.writeHead(503).end('full'),
    },
  ],
])('is not accepted, and so not lost, where the service refuses %s', async (_, replies) => {
  const record = await run(replies);
  expect(record).toMatchObject({ outcome: 'http-status', status: 503, firstTokenMs: null, why: 'full' });
});

test('what is compared is what was sent', () => {
  const form = batchForm(batchInput('/v1/embeddings', '{"model":"m"}', 2));
  expect(form.match(/custom_id/g)).toHaveLength(2);
  expect(missingResults([results(1), results(0)], 2)).toBeUndefined();
  expect(missingResults(['{'], 2)).toMatch(/no JSON/);
  expect(missingResults([results(0, 1, 5)], 2)).toMatch(/line-5/);
});
