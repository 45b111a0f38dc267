import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IMAGE_NAMES, IMAGE_UID } from '../../platform/docker/images/image-names.ts';
import { buildImage } from '../../platform/docker/images/work.ts';
import { engine, noDocker as reason } from './docker-stack.ts';

// Looks at the images that `npm run images` built; it does not build them itself.
/** Runs the command line; does not throw. */
const tryDocker = (args: readonly string[]) =>
  new Promise<{ ok: boolean; stdout: string; stderr: string }>(resolve =>
    execFile('docker', args, { timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ ok: error === null, stdout: stdout.trim(), stderr: stderr.trim() }),
    ),
  );

/** Docker's first health check comes 5 s after the start, with a timeout of 3 s; a busy machine may need a second one. */
const HEALTHY_LIMIT_MS = 30_000;
/** What counts is that nothing waits for SIGKILL, which comes at 10 s and exits 137. */
const STOP_LIMIT_MS = 2_000;

const INFERENCE = { name: 'inference-1', model: 'm', profile: 'qwen3-8b-fp8-h100', timeScale: 1000, seed: 1 };
const GATEWAY = { name: 'gateway-1', models: ['m'], upstreams: [{ name: 'a', url: 'http://127.0.0.1:1' }] };

interface Row {
  readonly title: string;
  readonly image: string;
  readonly flags?: readonly string[];
  readonly command?: readonly string[];
  /** Runs inside, and what it must print: the tool is the real one and does its work. */
  readonly proof: readonly [command: string, printed: RegExp];
}

const http = (port: number, path: string) =>
  `exec 3<>/dev/tcp/127.0.0.1/${port}; printf 'GET %s HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' '${path}' >&3; cat <&3`;

const ROWS: readonly Row[] = [
  {
    title: 'inference',
    image: IMAGE_NAMES.service,
    flags: ['-e', `INFERENCE_CONFIG=${JSON.stringify(INFERENCE)}`],
    command: ['node', '/app/stack/inference/main.ts'],
    proof: [http(8080, '/metrics'), /vllm:num_requests_running/],
  },
  {
    title: 'gateway',
    image: IMAGE_NAMES.service,
    flags: ['-e', `GATEWAY_CONFIG=${JSON.stringify(GATEWAY)}`],
    proof: [http(8080, '/healthz'), /200 OK/],
  },
  {
    title: 'control',
    image: IMAGE_NAMES.service,
    flags: ['-e', 'STACK_TOKEN=a-token-for-tests-only'],
    command: ['node', '/app/stack/control/main.ts'],
    proof: [http(8080, '/healthz'), /200 OK/],
  },
  {
    title: 'embedded fault proxy',
    image: IMAGE_NAMES.service,
    flags: ['-e', 'HEALTH_PORT=8474', '-e', 'HEALTH_PATH=/version'],
    command: ['node', '/app/faults/toxiproxy/server-main.ts', '-host', '0.0.0.0', '-port', '8474'],
    proof: [http(8474, '/version'), /embedded/],
  },
  {
    title: 'toxiproxy',
    image: IMAGE_NAMES.toxiproxy,
    proof: ['toxiproxy-server -version', /^toxiproxy-server version/],
  },
  {
    title: 'nginx',
    image: IMAGE_NAMES.nginx,
    // The core rule set at work: an injection is blocked, a harmless request is not.
    proof: [`${http(8080, '/?q=1%27%20OR%201=1--')}; ${http(8080, '/?q=hello')}`, /403 Forbidden.*200 OK/s],
  },
  { title: 'redis', image: IMAGE_NAMES.redis, proof: ['redis-cli set a 1 && redis-cli get a', /OK\s+1/] },
  {
    title: 'prometheus',
    image: IMAGE_NAMES.prometheus,
    proof: ['promtool check config /etc/squall/prometheus.yml', /SUCCESS/],
  },
];

describe.skipIf(Boolean(reason))(`images ${reason || ''}`, () => {
  const run = randomBytes(4).toString('hex');
  const nameOf = ({ title }: Row) => `squall-images-${run}-${title.replaceAll(' ', '-')}`;

  const docker = async (...args: string[]): Promise<string> => {
    const { ok, stdout, stderr } = await tryDocker(args);
    if (!ok) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  // As strict as a platform; all at once, since the first health check comes after 5 s.
  const start = (name: string, { image, flags = [], command = [] }: Row) =>
    docker(
      'run',
      '-d',
      '--name',
      name,
      '--read-only',
      '--tmpfs',
      '/tmp',
      '--cap-drop',
      'ALL',
      ...flags,
      image,
      ...command,
    );

  const health = (name: string) => docker('inspect', '-f', '{{.State.Health.Status}}', name);

  const settledHealth = async (name: string): Promise<string> => {
    for (const limit = Date.now() + HEALTHY_LIMIT_MS; Date.now() < limit; await sleep(250)) {
      const status = await health(name);
      if (status !== 'starting') return status;
    }
    return 'starting';
  };

  const remove = (name: string) => tryDocker(['rm', '-f', '-v', name]);

  beforeAll(async () => {
    for (const row of ROWS) await start(nameOf(row), row);
  }, 120_000);
  afterAll(async () => {
    for (const row of ROWS) await remove(nameOf(row));
  }, 120_000);

  describe.each(ROWS)('$title', row => {
    const name = nameOf(row);

    it('becomes healthy with a read-only root and no capabilities', async () => {
      expect(await settledHealth(name)).toBe('healthy');
    });

    it('does its work', async () => {
      const [command, printed] = row.proof;
      expect(await docker('exec', name, 'bash', '-c', command)).toMatch(printed);
    });

    it('runs as an unprivileged user, who cannot write outside /tmp', async () => {
      expect(await docker('exec', name, 'bash', '-c', 'id -u; stat -c %u /proc/1')).toBe(`${IMAGE_UID}\n${IMAGE_UID}`);
      const outside = await tryDocker(['exec', name, 'bash', '-c', 'echo x > /x']);
      expect(outside.stderr).toMatch(/Read-only file system/);
      await docker('exec', name, 'bash', '-c', 'echo x > /tmp/x');
    });

    it('stops on its signal, well before it would be killed', async () => {
      // By the container's own clock, which excludes the time of the command line.
      const sentAt = Date.now();
      await docker('kill', '--signal', await docker('inspect', '-f', '{{.Config.StopSignal}}', name), name);
      const exitCode = await docker('wait', name);
      const finishedAt = Date.parse(await docker('inspect', '-f', '{{.State.FinishedAt}}', name));
      expect(exitCode).toBe('0');
      expect(finishedAt - sentAt).toBeLessThan(STOP_LIMIT_MS);
    });
  });

  it('cannot write even where the root is not read-only', async () => {
    const outside = await tryDocker(['run', '--rm', IMAGE_NAMES.service, 'bash', '-c', 'echo x > /app/x']);
    expect(outside.stderr).toMatch(/Permission denied/);
  });

  it('has neither tests nor npm nor tools for development in the service image', async () => {
    const listed = await docker(
      'run',
      '--rm',
      IMAGE_NAMES.service,
      'bash',
      '-c',
      'cd /app; ls . node_modules; type -t npm || true',
    );
    expect(listed).not.toMatch(/test|vitest|typescript|npm|\bfile\b/);
  });

  it('shows why a build failed', async () => {
    const text = `FROM ${IMAGE_NAMES.redis}\nRUN echo the reason >&2 && exit 7\n`;
    const context = [{ target: 'Dockerfile', mode: 0o644, content: Buffer.from(text) }];
    await expect(buildImage(context, { t: 'squall/never' }, engine!)).rejects.toMatchObject({
      code: 'IMAGE_BUILD_FAILED',
      message: expect.stringMatching(/^Building squall\/never failed:\n.*the reason/s),
    });
  });

  // The counterpart: a health check must be able to fail.
  it('reports a service that does not respond as unhealthy', async () => {
    const name = `squall-images-${run}-mute`;
    try {
      const quick = ['--health-interval', '1s', '--health-retries', '1'];
      await start(name, { ...ROWS[0]!, flags: quick, command: ['node', '-e', 'setInterval(() => {}, 1000)'] });
      expect(await settledHealth(name)).toBe('unhealthy');
    } finally {
      await remove(name);
    }
  });
});
