import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SquallError } from '../../../harness/errors.ts';
import { writePrivateFiles } from '../../../platform/process/executable.ts';
import { noop } from '../../../stack/edge/concerns/noop.ts';
import { findNginx, parseDescription } from '../../../stack/edge/installation.ts';
import { type EdgeOptionsInput, edgeOptionsSchema } from '../../../stack/edge/options.ts';
import { renderEdge } from '../../../stack/edge/render.ts';
import {
  authority,
  checkConfig,
  nginx,
  noModSecurity,
  noNginx,
  placeCertificate,
  workerUser,
} from './fixtures/running-edge.ts';

const upstreams = ['127.0.0.1:19001', '127.0.0.1:19002', 'gateway-3.test:80'];
const addresses = { http: '127.0.0.1:19080', status: '127.0.0.1:19090', upstreams: upstreams.slice(0, 2) };
const secure = { ...addresses, https: '127.0.0.1:19443' };
const everything: EdgeOptionsInput = {
  balancing: { kind: 'weighted', weights: [5, 3] },
  tls: { serverName: 'edge.test' },
  rateLimit: {},
  maxConnectionsPerAddress: 20,
  allowList: ['10.0.0.0/8', '127.0.0.1', '127.0.0.1', 'fe80::/10', '::1'],
  trustedProxies: ['127.0.0.1/32'],
  cache: {},
};

/** Injection attempts: ending a string, directive or block, referencing a variable, escaping the prefix. */
const HOSTILE = [
  'a; return 200',
  'a;}',
  'a{',
  'a}',
  'a b',
  'a\nb',
  'a\r\nreturn 200;',
  'a"b',
  "a'b",
  'a\\b',
  'a$host',
  '$(id)',
  'a#b',
  '../up',
  'a/../b',
  'a\0b',
  'a\u2028b',
  '',
];

describe('rendering', () => {
  it('is pure and fills in every default', () => {
    const files = renderEdge({}, addresses);
    expect(renderEdge(edgeOptionsSchema.parse({}), addresses)).toEqual(files);
    expect(files['http/upstreams.conf']).toContain('max_fails=3 fail_timeout=30s');
    expect(Object.keys(files).filter(path => /tls|cache|firewall/.test(path))).toEqual([]);
    expect(noop()).toEqual({ name: 'noop' });
  });

  it('contains no path outside the prefix', () => {
    const text = Object.values(renderEdge(everything, secure)).join('');
    expect([...text.matchAll(/(?:_path|pid|_log|include|certificate(?:_key)?) (\/\S*)/g)]).toEqual([]);
  });

  it('prefers the hybrid key exchange only if the TLS library supports it', () => {
    const groups = (postQuantum: boolean) =>
      renderEdge(everything, secure, { capabilities: { postQuantum, modsecurity: undefined } })['http/tls.conf'];
    expect(groups(true)).toContain('ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1;');
    expect(groups(false)).toContain('ssl_ecdh_curve X25519:prime256v1;');
  });

  const inputs: Readonly<Record<string, (text: string) => unknown>> = {
    'tls.certificate': text => renderEdge({ tls: { certificate: text } }, secure),
    'tls.key': text => renderEdge({ tls: { key: text } }, secure),
    'tls.serverName': text => renderEdge({ tls: { serverName: text } }, secure),
    'allowList.0': text => renderEdge({ allowList: [text] }, addresses),
    'trustedProxies.0': text => renderEdge({ trustedProxies: [text] }, addresses),
    'streaming.paths.0': text => renderEdge({ streaming: { paths: [`/${text}`] } }, addresses),
    http: text => renderEdge({}, { ...addresses, http: `${text}:80` }),
    https: text => renderEdge({ tls: {} }, { ...secure, https: `[${text}]:80` }),
    status: text => renderEdge({}, { ...addresses, status: text }),
    'upstreams.0': text => renderEdge({}, { ...addresses, upstreams: [text] }),
    workerUser: text => renderEdge({}, addresses, { workerUser: text }),
    waf: text => renderEdge({ waf: text as 'off' }, addresses),
    'balancing.kind': text => renderEdge({ balancing: { kind: text as 'ip-hash' } }, addresses),
    'rateLimit.burst': text => renderEdge({ rateLimit: { burst: text as unknown as number } }, addresses),
    maxBodyBytes: text => renderEdge({ maxBodyBytes: text as unknown as number }, addresses),
  };

  it.each(Object.keys(inputs))('rejects hostile text in `%s`', name => {
    for (const text of HOSTILE) {
      // `/` alone is a valid path.
      if (name === 'streaming.paths.0' && ['', '../up', 'a/../b'].includes(text)) continue;
      const attempt = () => inputs[name]!(text);
      expect(attempt, JSON.stringify(text)).toThrow(SquallError);
    }
  });

  it.each([
    { name: 'an unknown key', attempt: () => renderEdge({ chache: {} } as EdgeOptionsInput, addresses) },
    { name: 'an address with a zone id', attempt: () => renderEdge({ allowList: ['fe80::1%;a'] }, addresses) },
    { name: 'an invalid prefix length', attempt: () => renderEdge({ allowList: ['10.0.0.0/33'] }, addresses) },
    { name: 'TLS without a listener', attempt: () => renderEdge({ tls: {} }, addresses) },
    { name: 'a listener without TLS', attempt: () => renderEdge({}, secure) },
    {
      name: 'more weights than upstreams',
      attempt: () => renderEdge({ balancing: { kind: 'weighted', weights: [5, 3, 2] } }, addresses),
    },
    { name: 'no upstream', attempt: () => renderEdge({}, { ...addresses, upstreams: [] }) },
    { name: 'an invalid port', attempt: () => renderEdge({}, { ...addresses, status: '127.0.0.1:65536' }) },
  ])('rejects $name', ({ attempt }) => {
    expect(attempt).toThrow(expect.objectContaining({ code: 'BAD_EDGE_OPTIONS', kind: 'option' }));
  });

  it('reports missing ModSecurity', () => {
    expect(() => renderEdge({ waf: 'modsecurity' }, addresses)).toThrow(
      expect.objectContaining({ code: 'NO_MODSECURITY', kind: 'environment' }),
    );
  });
});

describe('finding nginx', () => {
  it.each([
    { openssl: '3.0.19', postQuantum: false },
    { openssl: '3.4.9', postQuantum: false },
    { openssl: '3.5.0', postQuantum: true },
    { openssl: '4.0.1', postQuantum: true },
  ])('detects the capabilities of OpenSSL $openssl', ({ openssl, postQuantum }) => {
    const text = `nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.1 (running with OpenSSL ${openssl} 7 Apr 2026)\n--modules-path=/m`;
    expect(parseDescription(text)).toEqual({ postQuantum, modulesFolder: '/m' });
  });

  it('ignores a missing program and one that is not nginx', async () => {
    expect(await findNginx({ SQUALL_NGINX: '/nonexistent/nginx' })).toBeUndefined();
    expect(await findNginx({ SQUALL_NGINX: process.execPath })).toBeUndefined();
  });
});

describe.skipIf(noNginx)(`nginx -t ${noNginx || ''}`, () => {
  const rows: readonly { name: string; options: EdgeOptionsInput; needs?: string | false }[] = [
    { name: 'defaults', options: {} },
    { name: 'everything', options: everything },
    { name: 'only TLS', options: { tls: {} } },
    { name: 'TLS 1.2 without redirect', options: { tls: { minVersion: 'TLSv1.2', redirect: false } } },
    { name: 'least connections', options: { balancing: { kind: 'least-connections' }, keepAliveConnections: 'off' } },
    { name: 'IP hash', options: { balancing: { kind: 'ip-hash' }, passiveFailure: 'off', tries: 1 } },
    { name: 'strict limits', options: { rateLimit: { perSecond: 1, burst: 5 }, maxConnectionsPerAddress: 1 } },
    { name: 'no burst, no timeouts', options: { rateLimit: { perSecond: 1, burst: 0 }, timeouts: 'off' } },
    { name: 'cache for anonymous requests only', options: { cache: { authenticated: 'never' } } },
    { name: 'buffered streams', options: { streaming: { buffering: 'on', paths: ['/', '/a', '/a'] } } },
    { name: 'no streams', options: { streaming: { paths: [] }, maxUserAgentBytes: 'off' } },
    { name: 'longest User-Agent', options: { maxUserAgentBytes: 8000, workers: 4, connectionsPerWorker: 16 } },
    { name: 'firewall', options: { waf: 'modsecurity' }, needs: noModSecurity },
    { name: 'firewall and everything', options: { ...everything, waf: 'modsecurity' }, needs: noModSecurity },
  ];

  const [possible, impossible] = [rows.filter(row => !row.needs), rows.filter(row => row.needs)];
  it.skip.each(impossible)('accepts $name ($needs)', () => {});
  it.each(possible)('accepts $name', async ({ options }) => {
    const prefix = await mkdtemp(join(tmpdir(), 'squall-edge-'));
    try {
      const files = renderEdge(options, options.tls ? secure : addresses, {
        capabilities: nginx!.capabilities,
        ...(workerUser && { workerUser }),
      });
      await writePrivateFiles(prefix, files);
      await placeCertificate(prefix, await authority.issue({ names: ['127.0.0.1'] }));
      const output = await checkConfig(prefix);
      expect(output.split('\n').filter(line => /\[(warn|error|crit|alert|emerg)\]/.test(line))).toEqual([]);
      expect((await readdir(join(prefix, 'temp'))).sort()).toContain('client_body');
      expect((await stat(join(prefix, 'logs'))).isDirectory()).toBe(true);
    } finally {
      await rm(prefix, { recursive: true });
    }
  });

  it('reports an invalid configuration', async () => {
    const prefix = await mkdtemp(join(tmpdir(), 'squall-edge-'));
    try {
      await writePrivateFiles(prefix, { 'logs/': '', 'nginx.conf': 'nonsense;\n' });
      await expect(checkConfig(prefix)).rejects.toThrow('unknown directive "nonsense"');
    } finally {
      await rm(prefix, { recursive: true });
    }
  });
});
