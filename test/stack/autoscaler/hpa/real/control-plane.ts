import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { HpaSettings } from '../../../../../stack/autoscaler/hpa/settings.ts';
import { eventually } from '../../../../until.ts';
import { type Api, apiOf, SERVER_NAME } from './api.ts';

const BIN = resolve(import.meta.dirname, '../../../../../.tools/bin');
const START_MS = 60_000;
const STOP_MS = 10_000;
const CONTROLLERS = 'deployment-controller,replicaset-controller,horizontal-pod-autoscaler-controller';

/** What is logged of the requests of the controller manager: the scales that it read and wrote, and each status. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'RequestResponse',
      users: ['controllers'],
      verbs: ['get', 'update'],
      resources: [
        { group: 'apps', resources: ['deployments/scale'] },
        { group: 'autoscaling', resources: ['horizontalpodautoscalers/status'] },
      ],
    },
    { level: 'None' },
  ],
};

/** etcd and kube-apiserver, on loopback, in a folder of their own that goes with them. */
export interface ControlPlane extends AsyncDisposable {
  readonly api: Api;
  /** Version of kube-apiserver, such as `v1.36.3`. */
  readonly version: string;
  /** Files that grow: lines of JSON. */
  readonly auditLog: string;
  /** Starts kube-controller-manager, which writes its decisions into `log`. */
  startControllers(settings: HpaSettings): Promise<AsyncDisposable & { readonly log: string }>;
}

/** Starts etcd and kube-apiserver from `.tools/bin`. @throws Error with the last of its log if one of them does not start */
export async function startControlPlane(): Promise<ControlPlane> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'squall-hpa-parity-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  stack.defer(() => {
    remove();
    process.off('exit', remove);
  });
  const path = (name: string) => join(folder, name);
  const write = (name: string, text: string) => {
    writeFileSync(path(name), text, { mode: 0o600 });
    return path(name);
  };
  const [client, peer, port] = (await freePorts(3)) as [number, number, number];
  const etcdUrl = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  stack.use(
    start(folder, 'etcd', [
      ...[
        `--data-dir=${path('etcd')}`,
        '--unsafe-no-fsync',
        '--log-level=error',
        `--initial-cluster=default=${peerUrl}`,
      ],
      ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
      ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
    ]),
  );
  const tokens = { driver: randomBytes(24).toString('hex'), controllers: randomBytes(24).toString('hex') };
  const csv = Object.entries(tokens).map(([user, token]) => `${token},${user},${user},system:masters\n`);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const apiServer = stack.use(
    start(folder, 'kube-apiserver', [
      ...[`--etcd-servers=${etcdUrl}`, '--bind-address=127.0.0.1', '--advertise-address=127.0.0.1'],
      ...[`--secure-port=${port}`, `--cert-dir=${folder}`, '--endpoint-reconciler-type=none'],
      ...[`--token-auth-file=${write('tokens', csv.join(''))}`, '--authorization-mode=RBAC', '--anonymous-auth=false'],
      ...['--service-account-issuer=https://localhost', `--service-account-key-file=${write('public', publicKey)}`],
      `--service-account-signing-key-file=${write('private', privateKey)}`,
      ...['--disable-admission-plugins=ServiceAccount', '--service-cluster-ip-range=10.0.0.0/24'],
      ...['--enable-priority-and-fairness=false', '--profiling=false'],
      '--feature-gates=HPAConfigurableTolerance=true,HPAScaleToZero=true',
      `--audit-policy-file=${write('policy', JSON.stringify(AUDIT_POLICY))}`,
      ...[`--audit-log-path=${path('audit')}`, '--audit-log-maxsize=2000'],
    ]),
  );
  const endpoint = { port, token: tokens.driver };
  const connect = () => apiOf({ ...endpoint, authority: readFileSync(path('apiserver.crt'), 'utf8') });
  await apiServer.until(async () => (await connect().send('GET', '/readyz')).status === 200);
  const api = connect();
  const { body } = await api.send('GET', '/version');
  const kubeconfig = write('kubeconfig', JSON.stringify(kubeconfigOf(port, path('apiserver.crt'), tokens.controllers)));
  let starts = 0;
  const owned = stack.move();
  return {
    ...{ api, version: body.gitVersion, auditLog: path('audit') },
    async startControllers(settings) {
      const { syncPeriodMs, tolerance, configurableTolerance, scaleToZero } = settings;
      const flag = 'horizontal-pod-autoscaler';
      starts += 1;
      const controllers = start(
        folder,
        'kube-controller-manager',
        [
          ...[`--kubeconfig=${kubeconfig}`, `--controllers=${CONTROLLERS}`, '--leader-elect=false', '--secure-port=0'],
          ...['--kube-api-qps=2000', '--kube-api-burst=4000', '--concurrent-horizontal-pod-autoscaler-syncs=16'],
          ...[`--${flag}-sync-period=${syncPeriodMs}ms`, `--${flag}-tolerance=${tolerance}`],
          `--${flag}-initial-readiness-delay=${settings.initialReadinessDelayMs}ms`,
          `--${flag}-cpu-initialization-period=${settings.cpuInitializationPeriodMs}ms`,
          `--${flag}-downscale-stabilization=${settings.downscaleStabilizationMs}ms`,
          `--feature-gates=HPAConfigurableTolerance=${configurableTolerance},HPAScaleToZero=${scaleToZero}`,
          ...['--logging-format=json', '-v=4'],
        ],
        `controllers-${starts}`,
      );
      owned.use(controllers);
      await controllers.until(() => readFileSync(controllers.log, 'utf8').includes('Starting HPA controller'));
      return controllers;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function kubeconfigOf(port: number, authority: string, token: string): object {
  const server = `https://127.0.0.1:${port}`;
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'own' },
    clusters: [
      { name: 'own', cluster: { server, 'certificate-authority': authority, 'tls-server-name': SERVER_NAME } },
    ],
    users: [{ name: 'own', user: { token } }],
    contexts: [{ name: 'own', context: { cluster: 'own', user: 'own' } }],
  };
}

interface Program extends AsyncDisposable {
  readonly log: string;
  /** Waits for it to be so. @throws Error with the last lines of the log if it ends, or it takes a minute */
  until(isSo: () => boolean | Promise<boolean>): Promise<void>;
}

function start(folder: string, program: string, args: readonly string[], name = program): Program {
  const log = join(folder, `${name}.log`);
  const file = openSync(log, 'w', 0o600);
  const child = spawn(join(BIN, program), args, { cwd: folder, stdio: ['ignore', file, file] });
  closeSync(file);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let failure: Error | undefined;
  child.once('error', error => {
    failure = error;
  });
  return {
    log,
    async until(isSo) {
      const hasEnded = () => failure !== undefined || child.exitCode !== null || child.signalCode !== null;
      const check = async () => hasEnded() || Promise.resolve(isSo()).catch(() => false);
      if ((await eventually(async () => check().catch(() => false), START_MS)) && !hasEnded()) return;
      const lines = readFileSync(log, 'utf8').trim().split('\n').slice(-20).join('\n');
      throw new Error(`${program} did not start: ${failure?.message ?? `its last log lines are\n${lines}`}`);
    },
    async [Symbol.asyncDispose]() {
      await end(child);
      process.off('exit', kill);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exit;
  clearTimeout(timer);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map(server => (server.address() as { port: number }).port);
  await Promise.all(servers.map(server => new Promise(closed => server.close(closed))));
  return ports;
}
