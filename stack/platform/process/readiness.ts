import { get } from 'node:http';
import { connect } from 'node:net';
import type { ReadyProbe } from '../../topology.ts';

/** Longest wait for one answer, in ms. */
const ANSWER_LIMIT_MS = 1000;

/**
 * Whether what listens on `address` (`host:port`) is ready, asked on a connection of its own. Anything else is false: refused, reset,
 * too slow, another status, an error.
 * @throws the signal's reason on abort
 */
export async function answersReady(address: string, probe: ReadyProbe, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const ready = await ask(address, probe, limited);
  signal.throwIfAborted();
  return ready;
}

function ask(address: string, probe: ReadyProbe, signal: AbortSignal): Promise<boolean> {
  if (probe.kind === 'http') return answers2xx(`http://${address}${probe.path}`, signal);
  if (probe.kind === 'tcp') return answersWith(address, '', '', signal);
  // Both at once: Redis answers in order, one line each. While it loads its data, PING is answered with an error.
  const words = `${resp('AUTH', probe.username, probe.password)}${resp('PING')}`;
  return answersWith(address, words, '+OK\r\n+PONG\r\n', signal);
}

function answers2xx(url: string, signal: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const request = get(url, { agent: false, signal }, response => {
      response.on('error', () => {}).resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 300);
    });
    request.on('error', () => resolve(false));
  });
}

/** Connects, writes `words` and compares what comes back with `wanted`. Without words the connection itself is the answer. */
function answersWith(address: string, words: string, wanted: string, signal: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const at = address.lastIndexOf(':');
    const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)), signal });
    const decide = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    let answer = '';
    socket.on('connect', () => (words === '' ? decide(true) : socket.write(words)));
    socket.on('data', chunk => {
      answer += chunk.toString('latin1');
      if (answer.length >= wanted.length || !wanted.startsWith(answer)) decide(answer === wanted);
    });
    socket.on('error', () => decide(false));
    socket.on('close', () => decide(false));
  });
}

/** One command as Redis reads it (RESP2). */
function resp(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}
