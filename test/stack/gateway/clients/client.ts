import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import OpenAI, { APIError } from 'openai';
import type { Page } from 'playwright-core';
import { findProgram } from '../../../../harness/host/programs.ts';

/** `leave`: streamed, and the client leaves after the first token. */
export type Mode = 'whole' | 'stream' | 'leave';

/** What a client made of a response: the text that it got, and the error if there was one. */
export interface Response {
  readonly text: string;
  /** From the first token to the last, in ms. */
  readonly spreadMs: number;
  readonly status?: number;
  readonly code?: string;
}

/** Sends one chat request to the gateway at `url`. */
export type Client = (url: string, mode: Mode, key?: string, model?: string) => Promise<Response>;

const messages = [{ role: 'user', content: 'hi' }] as const satisfies OpenAI.ChatCompletionMessageParam[];

/** OpenAI's client for Node.js, in this process. */
export const openaiNode: Client = async (url, mode, key = 'good', model = 'tiny') => {
  const client = new OpenAI({ baseURL: `${url}/v1`, maxRetries: 0, apiKey: key });
  let text = '';
  const times: number[] = [];
  const response = () => ({ text, spreadMs: (times.at(-1) ?? 0) - (times[0] ?? 0) });
  try {
    if (mode === 'whole') {
      const { choices } = await client.chat.completions.create({ model, messages });
      text = choices[0]?.message.content ?? '';
      return response();
    }
    for await (const event of await client.chat.completions.create({ model, messages, stream: true })) {
      text += event.choices[0]?.delta.content ?? '';
      times.push(performance.now());
      if (mode === 'leave') break;
    }
    return response();
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    return { ...response(), code: String(error.code), ...(error.status === undefined ? {} : { status: error.status }) };
  }
};

/** OpenAI's client for Python; undefined where `npm run tools` has not installed it. */
export function openaiPython(): Client | undefined {
  const program = findProgram('openai-python');
  if (!program) return undefined;
  const script = join(import.meta.dirname, 'openai-client.py');
  return async (url, mode, key = 'good', model = 'tiny') => {
    const { stdout } = await promisify(execFile)(program.command, [script, `${url}/v1`, key, model, mode]);
    return JSON.parse(stdout) as Response;
  };
}

/** curl, which shows bytes: events are told apart here. Undefined without one. */
export function curl(): Client | undefined {
  const program = findProgram('curl');
  if (!program) return undefined;
  return async (url, mode, key = 'good', model = 'tiny') => {
    const child = spawn(program.command, [
      ...['--silent', '--no-buffer', '--max-time', '20', '--write-out', '\n%{http_code}'],
      ...[
        '--header',
        `authorization: Bearer ${key}`,
        '--json',
        JSON.stringify({ model, messages, stream: mode !== 'whole' }),
      ],
      `${url}/v1/chat/completions`,
    ]);
    let output = '';
    const times: number[] = [];
    for await (const chunk of child.stdout) {
      output += String(chunk);
      if (/"content":/.test(String(chunk))) times.push(performance.now());
      if (mode === 'leave' && times.length > 0) child.kill();
    }
    const status = Number(output.slice(output.lastIndexOf('\n') + 1));
    const text = [...output.matchAll(/"content":"(\w*)"/g)].map(([, token]) => token).join('');
    const code = /"code":"(\w+)"/.exec(output)?.[1];
    const spreadMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
    return { text, spreadMs, ...(status === 200 ? {} : { status }), ...(code === undefined ? {} : { code }) };
  };
}

/** A script of `page` that fetches; its code is `blocked` where the browser keeps the response from it. */
export function fetchIn(page: Page): Client {
  return (url, mode, key = 'good', model = 'tiny') => page.evaluate(inPage, { url, mode, key, model, messages });
}

/** Runs in the page, so that it may use nothing from outside. */
async function inPage({ url, mode, key, model, messages }: Record<string, unknown>): Promise<Response> {
  const controller = new AbortController();
  let text = '';
  const times: number[] = [];
  const tell = (more: object) => ({ text, spreadMs: (times.at(-1) ?? 0) - (times[0] ?? 0), ...more });
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    signal: controller.signal,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages, stream: mode !== 'whole' }),
  }).catch(error => error as Error);
  if (response instanceof Error) return tell({ code: 'blocked' });
  if (!response.ok)
    return tell({ status: response.status, code: ((await response.json()) as { error: { code: string } }).error.code });
  if (mode === 'whole') {
    const { choices } = (await response.json()) as OpenAI.ChatCompletion;
    text = choices[0]!.message.content!;
    return tell({});
  }
  let body = '';
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      body += chunk;
      text = [...body.matchAll(/"content":"(\w*)"/g)].map(match => match[1]).join('');
      times.push(performance.now());
      if (mode === 'leave') {
        controller.abort();
        return tell({});
      }
    }
  } catch {
    // The last event says why, unless the end of the connection overtook it, as it may in a browser.
    return tell({ code: /"code":"(\w+)"/.exec(body)?.[1] ?? 'upstream_reset' });
  }
  return tell({});
}
