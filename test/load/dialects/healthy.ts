/** Dialects of servers that do their work: none of them may fail a request, or change what is counted. */
import { createBrotliCompress, createDeflate, createDeflateRaw, createGzip } from 'node:zlib';
import { chunk, type Dialect, DONE, event, PLAIN, ROLE, STOP, says, send, text, usage } from './dialect.ts';

const SSE = { 'content-type': 'text/event-stream' };
const plain = (pieces: readonly (string | Buffer)[], headers?: Readonly<Record<string, string>>) => ({
  answer: says(pieces, headers),
});
const bodyOf = (pieces: readonly string[]) => pieces.join('');
/** Both tokens between what comes first and what comes last. */
const around = (before: readonly string[], after: readonly string[] = []) =>
  plain([...before, ROLE, text('a'), text('b'), STOP, ...after, DONE]);
/** Instead of the two tokens of text. */
const deltas = (...list: readonly object[]) => plain([ROLE, ...list.map(delta => chunk(delta)), STOP, DONE]);

const compressed = (encoding: string, make: () => ReturnType<typeof createGzip>): Pick<Dialect, 'answer' | 'odd'> => ({
  odd: ['compressed'],
  answer: async response => {
    response.writeHead(200, { ...SSE, 'content-encoding': encoding });
    const stream = make();
    stream.pipe(response);
    for (const piece of PLAIN) {
      stream.write(piece);
      await new Promise<void>(done => stream.flush(done));
      await new Promise(done => setTimeout(done, 4));
    }
    stream.end();
  },
});

/** Framing: the bytes between the server and the events. */
const FRAMING: readonly Dialect[] = [
  { name: 'as OpenAI sends it', ...plain(PLAIN) },
  { name: 'lines end in CRLF', ...plain(PLAIN.map(piece => piece.replaceAll('\n', '\r\n'))) },
  { name: 'lines end in CR', ...plain(PLAIN.map(piece => piece.replaceAll('\n', '\r'))) },
  { name: 'a byte order mark first', ...plain([`\uFEFF${PLAIN[0]}`, ...PLAIN.slice(1)]) },
  { name: 'data: without a blank', ...plain(PLAIN.map(piece => piece.replace('data: ', 'data:'))) },
  { name: 'no blank line after [DONE]', odd: ['no-blank-line'], ...plain([...PLAIN.slice(0, -1), 'data: [DONE]']) },
  { name: 'one byte at a time', ...plain([...Buffer.from(bodyOf(PLAIN))].map(byte => Buffer.of(byte))), plan: {} },
  {
    name: 'split inside of characters',
    ...plain([ROLE, ...[...'雷☔'].flatMap(c => halves(Buffer.from(text(c)))), STOP, DONE]),
  },
  { name: 'an event over several data lines', ...plain([...PLAIN.slice(0, 1), ...PLAIN.slice(1).map(spread)]) },
  { name: 'a chunk of 64 KB', ...around([], [chunk({}, null, { logprobs: 'x'.repeat(65_536) })]) },
  { name: 'id: and retry: fields', ...plain(PLAIN.map((piece, i) => `id: ${i}\nretry: 3000\n${piece}`)) },
  { name: 'comments between events', ...plain(PLAIN.flatMap(piece => [': ping - 2026-11-28\n\n', piece])) },
  { name: ': OPENROUTER PROCESSING', ...around([': OPENROUTER PROCESSING\n\n', ': OPENROUTER PROCESSING\n\n']) },
  { name: 'gzip', ...compressed('gzip', () => createGzip()) },
  { name: 'x-gzip', ...compressed('x-gzip', () => createGzip()) },
  { name: 'deflate', ...compressed('deflate', () => createDeflate() as never) },
  { name: 'deflate without its header', ...compressed('deflate', () => createDeflateRaw() as never) },
  { name: 'br', ...compressed('br', () => createBrotliCompress() as never) },
  { name: 'content-encoding: identity', ...plain(PLAIN, { ...SSE, 'content-encoding': 'identity' }) },
  {
    name: 'early hints first',
    answer: response => {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      return send(response, PLAIN);
    },
  },
  {
    name: 'ends by closing, without chunks',
    answer: response => {
      response.removeHeader('transfer-encoding');
      response.useChunkedEncodingByDefault = false;
      return send(response, PLAIN, { ...SSE, connection: 'close' });
    },
  },
  { name: 'media type in capitals', ...plain(PLAIN, { 'content-type': 'Text/Event-Stream; charset=UTF-8' }) },
  { name: 'media type of NDJSON', odd: ['media-type'], ...plain(PLAIN, { 'content-type': 'application/x-ndjson' }) },
  { name: 'media type of plain text', odd: ['media-type'], ...plain(PLAIN, { 'content-type': 'text/plain' }) },
  { name: 'media type of JSON', odd: ['media-type'], ...plain(PLAIN, { 'content-type': 'application/json' }) },
  { name: 'no media type', ...plain(PLAIN, {}) },
  { name: 'all in one piece', ...plain([bodyOf(PLAIN)]), isBuffered: true },
  {
    name: 'a piece of two tokens, and the rest',
    ...plain([bodyOf(PLAIN.slice(0, 3)), bodyOf(PLAIN.slice(3))]),
    isBuffered: true,
  },
];

/** Content: what the events say. */
const CONTENT: readonly Dialect[] = [
  {
    name: 'choices: null with the usage',
    odd: ['no-choices'],
    ...around([], [event({ id: 'x', choices: null, ...usage(2) })]),
  },
  { name: 'no choices with the usage', odd: ['no-choices'], ...around([], [event({ id: 'x', ...usage(2) })]) },
  { name: 'choices: [] with the usage', ...around([], [event({ id: 'x', choices: [], ...usage(2) })]) },
  { name: 'choices: [] first, as Azure', ...around([event({ choices: [], prompt_filter_results: [] })]) },
  { name: 'usage: null in each chunk', ...plain(PLAIN.map(piece => piece.replace('"id"', '"usage":null,"id"'))) },
  { name: 'error: null in each chunk', ...plain(PLAIN.map(piece => piece.replace('"id"', '"error":null,"id"'))) },
  {
    name: 'usage in each chunk',
    ...plain([ROLE, ...[8, 16, 24].map(n => chunk({ content: 'a b c d e f g h ' }, null, usage(n))), STOP, DONE]),
    tokens: 24,
  },
  {
    name: 'several tokens a chunk, usage last',
    isBuffered: true,
    ...plain([ROLE, text('a b c'), text('d e f g'), STOP, event({ choices: [], ...usage(7) }), DONE]),
    tokens: 7,
  },
  {
    name: 'usage beside the finish reason',
    isBuffered: true,
    ...plain([ROLE, text('a b'), text('c'), chunk({}, 'length', usage(5)), DONE]),
    tokens: 5,
  },
  {
    name: 'usage of zero tokens, against what came',
    odd: ['usage'],
    ...around([], [event({ choices: [], ...usage(0) })]),
  },
  { name: 'event: ping', odd: ['event-name'], ...around([event({ type: 'ping' }, 'event: ping\n')]) },
  { name: 'unknown event names', odd: ['event-name'], ...plain(PLAIN.map(piece => `event: completion\n${piece}`)) },
  {
    name: 'an event of another kind between',
    odd: ['event-name'],
    ...around([event({ type: 'status', stage: 'routing' }, 'event: status\n')]),
  },
  { name: 'null', odd: ['not-object'], ...around(['data: null\n\n']) },
  { name: 'data of nothing', odd: ['empty-data'], ...around(['data:\n\n', 'data: \n\n']) },
  { name: 'data that is no JSON', odd: ['not-json'], ...around(['data: hello\n\n']) },
  { name: 'data that is a list', odd: ['not-object'], ...around([event([1, 2])]) },
  { name: 'blanks around [DONE]', odd: ['blank-done'], ...plain([...PLAIN.slice(0, -1), 'data:   [DONE]  \n\n']) },
  { name: 'no [DONE]', odd: ['no-done'], ...plain(PLAIN.slice(0, -1)) },
  {
    name: 'no [DONE], nor a blank line',
    odd: ['no-blank-line', 'no-done'],
    ...plain([...PLAIN.slice(0, -2), STOP.trimEnd()]),
  },
  { name: 'more after [DONE]', ...plain([...PLAIN, event({ choices: [], ...usage(2) })]) },
  { name: 'finish reason null, then [DONE]', odd: ['no-finish-reason'], ...plain([ROLE, text('a'), text('b'), DONE]) },
  {
    name: 'an empty finish reason meanwhile',
    ...plain([chunk({ content: 'a' }, ''), chunk({ content: 'b' }, ''), STOP, DONE]),
  },
  ...['length', 'tool_calls', 'function_call', 'content_filter'].map(reason => ({
    name: `finish reason ${reason}`,
    ...plain([ROLE, text('a'), text('b'), chunk({}, reason), DONE]),
  })),
  {
    name: 'finish reason of another spelling',
    odd: ['finish-reason'],
    ...plain([ROLE, text('a'), text('b'), chunk({}, 'eos'), DONE]),
  },
  {
    name: 'delta: null at the end',
    odd: ['no-delta'],
    ...plain([ROLE, text('a'), text('b'), chunk(null, 'stop'), DONE]),
  },
  {
    name: 'no delta at the end',
    odd: ['no-delta'],
    ...plain([ROLE, text('a'), text('b'), chunk(undefined, 'stop'), DONE]),
  },
  { name: 'the finish reason with the last token', ...plain([ROLE, text('a'), chunk({ content: 'b' }, 'stop'), DONE]) },
  {
    name: 'content as a list of parts',
    odd: ['content-parts'],
    ...deltas(...[...'abcd'].map(t => ({ content: [{ type: 'text', text: t }] }))),
    tokens: 4,
  },
  { name: 'content: null beside the role', ...plain([chunk({ role: 'assistant', content: null }), ...PLAIN.slice(1)]) },
  {
    name: 'reasoning_content, then content',
    ...deltas({ reasoning_content: 'hm' }, { content: null, reasoning_content: 'so' }, { content: 'a' }),
    tokens: 3,
  },
  {
    name: 'reasoning, as OpenRouter',
    ...deltas({ content: '', reasoning: 'hm', reasoning_details: [{}] }, { content: 'a' }),
  },
  {
    name: 'tool calls',
    ...deltas(
      { tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{}' } }] },
    ),
  },
  {
    name: 'a function call',
    ...deltas({ function_call: { name: 'f', arguments: '' } }, { function_call: { arguments: '{}' } }),
  },
  { name: 'a refusal', ...deltas({ refusal: 'No' }, { refusal: '.' }) },
  { name: 'audio', ...deltas({ audio: { id: 'a', data: 'AAAA' } }, { audio: { data: 'BBBB' } }) },
  { name: 'NUL and control characters', ...deltas({ content: '\u0000' }, { content: '\u001b[31m' }) },
  {
    name: 'two choices',
    ...plain([
      ...[0, 1].map(i => event({ choices: [{ index: i, delta: { content: 'a' } }] })),
      ...[0, 1].map(i => event({ choices: [{ index: i, delta: {}, finish_reason: 'stop' }] })),
      DONE,
    ]),
  },
  { name: 'timings, as llama.cpp', ...around([], [event({ choices: [], timings: { predicted_n: 2 }, ...usage(2) })]) },
  {
    name: 'first token after more than the idle timeout',
    answer: response => void setTimeout(() => send(response, PLAIN), 4000),
    plan: { idleTimeoutMs: 2500 },
  },
  {
    name: 'stream_options refused with 400',
    odd: ['stream-options'],
    answer: (response, { body }) =>
      'stream_options' in body
        ? response.writeHead(400).end('{"error":{"message":"unknown field: stream_options"}}')
        : send(response, PLAIN),
  },
  {
    name: 'redirected to the same origin',
    odd: ['redirected'],
    answer: (response, { path }) =>
      path.endsWith('/') ? send(response, PLAIN) : response.writeHead(307, { location: `${path}/` }).end(),
  },
];

export const HEALTHY: readonly Dialect[] = [...FRAMING, ...CONTENT];

function halves(bytes: Buffer): Buffer[] {
  const middle = bytes.findIndex(byte => byte > 127) + 1;
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}

/** The same event, its JSON over two lines. */
function spread(piece: string): string {
  return piece.replace(',"', ',\ndata: "');
}
