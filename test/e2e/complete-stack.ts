import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import type { Platform, Replica, RunningStack } from '../../harness/contracts.ts';
import { loginHeaders } from '../../harness/http/login.ts';
import { sampleStack } from '../../stack/observability/sampler.ts';
import type { Topology } from '../../stack/topology.ts';
import { topologyOf } from '../../stack/topology.ts';
import { FRESH } from '../fresh.ts';
import { settled } from '../stack/settled.ts';
import { temporaryFolder } from './squall.ts';

const MODEL = 'qwen3-8b-fp8-h100';
const PARTS = [
  'redis',
  'control',
  ...['inference-1', 'inference-2', 'inference-3', 'inference-4'],
  ...['gateway-1', 'gateway-2'],
  ...['edge', 'prometheus'],
];

/** Looks every 50 ms until what it sees is wanted, for `limitMs` at most, and tells the last it saw. */
async function eventually<T>(look: () => Promise<T>, isWanted: (seen: T) => boolean, limitMs: number): Promise<T> {
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (isWanted(seen) || performance.now() > untilMs) return seen;
    await sleep(50);
  }
}

/** What a trickle of requests met. */
interface Seen {
  readonly statuses: number[];
  readonly errors: string[];
  readonly by: Set<string>;
  readonly tookMs: number[];
}

/** The complete stack, brought up once and tried part after part, the same on every platform. */
export function completeStack(title: string, platform: () => Promise<Platform<Topology>>, skip: string | false): void {
  describe.skipIf(Boolean(skip))(`${title} ${skip || ''}`, () => {
    const folder = temporaryFolder();
    let stack: RunningStack;
    let agent: Agent;
    const runId = `complete-${process.pid}-${title.replaceAll(/\W/g, '')}`;
    const replica = (name: string): Replica => stack.replicas.find(other => other.name === name)!;
    const operator = (name: string) => stack.links.find(link => link.name === `operator→${name}`)!.listen;

    /** Twenty requests a second, each on its own, until `until` settles. */
    const chatWhile = async (until: () => Promise<unknown>): Promise<Seen> => {
      const seen: Seen = { statuses: [], errors: [], by: new Set(), tookMs: [] };
      let isOver = false;
      const one = async () => {
        const startMs = performance.now();
        try {
          const { statusCode, headers, body } = await request(`${stack.entries[0]}/v1/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: stack.authorization },
            body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4 }),
            dispatcher: agent,
          });
          await body.text();
          seen.statuses.push(statusCode);
          seen.by.add(String(headers['x-squall-upstream'] ?? ''));
        } catch (error) {
          seen.errors.push(String((error as Error).cause ?? error));
        }
        seen.tookMs.push(performance.now() - startMs);
      };
      const sending = (async () => {
        const requests: Promise<void>[] = [];
        while (!isOver) {
          requests.push(one());
          await sleep(50);
        }
        await Promise.all(requests);
      })();
      await until().finally(() => {
        isOver = true;
      });
      await sending;
      return seen;
    };
    const allAnswered = (seen: Seen) => {
      expect(seen.errors).toEqual([]);
      expect(new Set(seen.statuses)).toEqual(new Set([200]));
      // A lost connection is retried at once; nobody waits for one that hangs.
      expect(Math.max(...seen.tookMs)).toBeLessThan(10_000);
    };

    beforeAll(async () => {
      const options = settled({
        // Each gateway's share in an outage is half of it, and one key gets 20/s.
        gateway: { replicas: 2, limits: { perKey: { perMinute: 12_000 }, global: { perSecond: 400 } } },
        inference: { replicas: 3, maxReplicas: 4 },
        control: { ttlMs: 1000, waitMs: 1000 },
        edge: { tls: {} },
        redis: {},
        prometheus: {},
      });
      stack = await (await platform()).up(topologyOf(options, 120, 1, FRESH), {
        runId,
        seed: 1,
        directory: folder.path,
        observer: { replica: () => {} },
        signal: AbortSignal.timeout(90_000),
        clock: systemClock,
      });
      // A connection each: what is sent on a kept one just as nginx reloads meets its end, which clients answer by sending it again.
      agent = new Agent({ connect: { ca: stack.entryCertificate!.authority }, pipelining: 0 });
    }, 100_000);
    afterAll(async () => {
      await agent?.destroy();
      await stack?.[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    }, 30_000);

    it('has every part up, each with its log, and serves over TLS', async () => {
      expect(stack.replicas.map(({ name }) => name)).toEqual(PARTS);
      for (const { name, state } of stack.replicas)
        expect([name, state]).toEqual([name, state === 'stopped' ? 'stopped' : 'ready']);
      expect(replica('inference-4').state).toBe('stopped');
      expect(stack.entries).toEqual([expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/)]);
      allAnswered(await chatWhile(() => sleep(1000)));
      for (const name of PARTS.filter(part => part !== 'inference-4'))
        expect(existsSync(join(folder.path, `${name}.log`)), name).toBe(true);
      expect(statSync(join(folder.path, 'gateway-1.log')).size).toBeGreaterThan(0);
    });

    it('has Prometheus scrape every service of ours', async () => {
      const headers = loginHeaders(stack.prometheusLogin);
      const up = async () => {
        const answer = await fetch(`http://${operator('prometheus')}/api/v1/query?query=up`, { headers });
        const { data } = (await answer.json()) as {
          data: { result: { metric: { replica: string }; value: [number, string] }[] };
        };
        return data.result
          .filter(({ value }) => value[1] === '1')
          .map(({ metric }) => metric.replica)
          .sort();
      };
      const scraped = ['control', 'gateway-1', 'gateway-2', 'inference-1', 'inference-2', 'inference-3'];
      expect(await eventually(up, names => names.length === scraped.length, 20_000)).toEqual(scraped);
    });

    it('shows its metrics to no one without the password of the run, which stands in no file and no argument', async () => {
      const { password } = stack.prometheusLogin!;
      expect(password).toMatch(/^[\w-]{43}$/);
      const { url } = replica('prometheus');
      // A service in a container is reached across its link only.
      const places = [`http://${operator('prometheus')}`, ...(url.startsWith('http://127.0.0.1') ? [url] : [])];
      const statuses = (headers: Readonly<Record<string, string>>) =>
        Promise.all(places.map(async place => (await fetch(`${place}/api/v1/query?query=up`, { headers })).status));
      expect(new Set(await statuses({}))).toEqual(new Set([401]));
      // As a page would whose domain now leads here, and a user who knows another secret of the run.
      expect(new Set(await statuses({ authorization: `Bearer ${stack.token}` }))).toEqual(new Set([401]));
      expect(new Set(await statuses(loginHeaders({ username: 'squall', password: stack.token! })))).toEqual(
        new Set([401]),
      );
      expect(new Set(await statuses(loginHeaders(stack.prometheusLogin)))).toEqual(new Set([200]));
      const written = readdirSync(folder.path, { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry => join(entry.parentPath, entry.name));
      expect(written.filter(path => readFileSync(path).includes(password))).toEqual([]);
      const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8', maxBuffer: 2 ** 26 });
      expect(processes.includes(password)).toBe(false);
    });

    it('takes the samples of a run from Prometheus', async () => {
      const seen: string[][] = [];
      const record = (_atMs: number, readings: object) => void seen.push(Object.keys(readings));
      const startAtMs = systemClock.nowMs();
      const sampling = sampleStack().start({ stack, clock: systemClock, startAtMs, everyMs: 1000, record });
      const isWhole = (rounds: string[][]) => (rounds.at(-1)?.length ?? 0) >= 5;
      const rounds = await eventually(async () => seen, isWhole, 10_000);
      await sampling[Symbol.asyncDispose]();
      expect(rounds.at(-1)).toEqual(expect.arrayContaining(['gateway-1', 'gateway-2', 'inference-1']));
    });

    it('answers every request while Redis is killed and comes back', async () => {
      const redis = replica('redis');
      const seen = await chatWhile(async () => {
        await sleep(500);
        redis.hold('test');
        await redis.kill();
        await sleep(2500);
        await redis.release('test');
        await redis.ready(AbortSignal.timeout(15_000));
        await sleep(1000);
      });
      allAnswered(seen);
      // Nobody waits longer for a dead Redis than the bound on that wait (50 ms), beside what a request takes anyway.
      const sorted = seen.tookMs.toSorted((a, b) => a - b);
      expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(500);
      const client = new Redis(`redis://${operator('redis')}`, { lazyConnect: true, retryStrategy: () => null });
      const complaints: string[] = [];
      client.on('error', error => complaints.push(String(error)));
      await expect(client.connect().then(() => client.get('a'))).rejects.toThrow();
      expect(complaints.join()).toContain('NOAUTH');
      client.disconnect();
    });

    it('replaces its certificate under load without a failed request', async () => {
      const certificate = stack.entryCertificate!;
      const before = await certificate.look(AbortSignal.timeout(5000));
      let wanted = '';
      const seen = await chatWhile(async () => {
        await sleep(500);
        wanted = await certificate.replace();
        await eventually(
          () => certificate.look(AbortSignal.timeout(5000)),
          fingerprint => fingerprint === wanted,
          10_000,
        );
        await sleep(1500);
      });
      expect(wanted).not.toBe(before);
      allAnswered(seen);
      // The broken counterpart: with one that has expired, new connections fail.
      await certificate.replace({ from: new Date(Date.now() - 7_200_000), to: new Date(Date.now() - 3_600_000) });
      const expired = await eventually(
        () =>
          certificate.look(AbortSignal.timeout(5000)).then(
            () => 'accepted',
            error => String(error.code),
          ),
        code => code !== 'accepted',
        10_000,
      );
      expect(expired).toBe('CERT_HAS_EXPIRED');
      const last = await certificate.replace();
      // Old workers accept a little longer; only an unbroken row shows that they have stopped.
      let row = 0;
      const inARow = async () => {
        const seen = await certificate.look(AbortSignal.timeout(5000)).catch(() => '');
        row = seen === last ? row + 1 : 0;
        return row;
      };
      await eventually(inARow, count => count >= 10, 20_000);
    });

    it('scales up and down as the Scale API says, and answers every request meanwhile', async () => {
      const scale = `http://${operator('control')}/apis/apps/v1/namespaces/default/deployments/inference/scale`;
      const ask = (replicas: number) =>
        fetch(scale, {
          method: 'PATCH',
          headers: { 'content-type': 'application/merge-patch+json', 'x-consul-token': stack.token! },
          body: JSON.stringify({ spec: { replicas } }),
        });
      const reported = async () =>
        ((await (await fetch(scale)).json()) as { status: { replicas: number } }).status.replicas;
      const added = replica('inference-4');
      const seen = await chatWhile(async () => {
        expect((await ask(4)).status).toBe(200);
        await added.ready(AbortSignal.timeout(30_000));
        await eventually(reported, count => count === 4, 10_000);
        await sleep(2000);
      });
      allAnswered(seen);
      expect(seen.by).toContain('inference-4');
      const fewer = await chatWhile(async () => {
        expect((await ask(3)).status).toBe(200);
        await eventually(
          async () => added.state,
          state => state === 'stopped',
          15_000,
        );
        await eventually(reported, count => count === 3, 10_000);
        await sleep(1000);
      });
      allAnswered(fewer);
      expect((await ask(5)).status).toBe(422);
    });
  });
}
