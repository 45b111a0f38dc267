import { get } from 'node:http';
import { connect } from 'node:net';

/** Longest wait for one answer, in ms. */
const ANSWER_LIMIT_MS = 1000;

/**
 * Whether `url` answers that it is ready, on a connection of its own: 2xx, or `PONG` where the scheme is `redis`, whose user and
 * password are used. Anything else is false: refused, reset, too slow, another answer.
 * @throws the signal's reason on abort
 */
export async function answersReady(url: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const ready = await ask(new URL(url), limited).catch(() => false);
  signal.throwIfAborted();
  return ready;
}

function ask(url: URL, signal: AbortSignal): Promise<boolean> {
  return url.protocol === 'redis:' ? pong(url, signal) : answers2xx(url, signal);
}

function answers2xx(url: URL, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, signal }, response => {
      response.on('error', () => {}).resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 300);
    }).on('error', reject);
  });
}

const PONG = '+OK\r\n+PONG\r\n';

/** Both questions at once: Redis answers in order, one line each. While it loads its data, PING is answered with an error. */
function pong({ hostname: host, port, username, password }: URL, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), signal });
    let answer = '';
    const decide = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.on('connect', () => socket.write(`AUTH ${username} ${password}\r\nPING\r\n`));
    socket.on('data', chunk => {
      answer += chunk.toString('latin1');
      if (answer.length >= PONG.length || !PONG.startsWith(answer)) decide(answer === PONG);
    });
    socket.on('error', reject);
    socket.on('close', () => decide(false));
  });
}
