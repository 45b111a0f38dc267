import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import type { ClientTls } from '../../harness/host/client-tls.ts';
import type { HttpWorkload } from '../../harness/plan.ts';
import { makeAuthority } from '../../stack/edge/certificates.ts';
import { ENGINES } from './engines.ts';
import { outcomesOf, rig, startLoad } from './rig.ts';

const WORKLOAD: HttpWorkload = {
  ...{ kind: 'http', name: 'plain', model: '', method: 'POST', path: '/ask', headers: {}, body: 'x' },
  expect: { status: [200], bodyContains: 'well', maxBytes: 100 },
};
const authority = await makeAuthority(new Date());
const stranger = await makeAuthority(new Date());

/** A server on 127.0.0.1, and all that its clients call it, once each: the `Host` header, over TLS the server name too. */
async function startServer(certifiedFor?: string, isMutual = false) {
  const calledBy = new Set<string>();
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { servername } = request.socket as TLSSocket;
    calledBy.add(`${request.headers.host}${certifiedFor ? ` ${servername || 'no name'}` : ''} ${request.url}`);
    response.end('well');
  };
  const pair = certifiedFor === undefined ? undefined : await authority.issue({ names: [certifiedFor] });
  // The certificates here are servers', so the server looks for itself whose it is.
  const mutual = isMutual ? { requestCert: true, rejectUnauthorized: false } : {};
  const server = pair
    ? createTlsServer({ cert: pair.certificate, key: pair.key, ...mutual }, answer)
    : createServer(answer);
  server.on('secureConnection', (socket: TLSSocket) => {
    if (isMutual && !/client\.invalid/.test(socket.getPeerCertificate().subjectaltname ?? '')) socket.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    at: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calledBy,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

// The server stands in for a fault proxy's link: it listens elsewhere than its name says, and the name leads nowhere.
describe.each(ENGINES)('a target behind another address, by $name', ({ name, engine, skipped }) => {
  const it_ = skipped ? it.skip : it.concurrent;
  const itOverTls = name === 'autocannon' ? it.skip : it_;
  const drive = async (origin: string, at: string, trusted = authority.certificate, tls: ClientTls = {}) => {
    const loop = name === 'autocannon' ? { perSecond: 0, connections: 2 } : { perSecond: 20, maxInFlight: 20 };
    const target = `${new URL(origin).protocol}//${at}/team`;
    // Nothing here is about time.
    const plan = { workload: WORKLOAD, targets: [target], connectTimeoutMs: 10_000, idleTimeoutMs: 10_000 };
    using prepared = rig({ forMs: 300, ...loop, ...plan });
    await using load = await startLoad({ ...prepared.job, origin, tls, authority: trusted }, { engine });
    await load.done;
    return Object.keys(outcomesOf(await prepared.records()));
  };
  const TARGETS: [string, string | undefined, string][] = [
    ['http://llm.invalid:8000', undefined, 'llm.invalid:8000 /team/ask'],
    ['http://[2001:db8::1]', undefined, '[2001:db8::1] /team/ask'],
    ['https://llm.invalid', 'llm.invalid', 'llm.invalid llm.invalid /team/ask'],
    ['https://192.0.2.7:8443', '192.0.2.7', '192.0.2.7:8443 no name /team/ask'],
  ];

  it_.each(TARGETS)(`is called %s ${skipped || ''}`, async (origin, certified, called) => {
    await using server = await startServer(certified);
    if (certified && name === 'autocannon') {
      await expect(drive(origin, server.at)).rejects.toMatchObject({ code: 'PROBE_TLS_UNSUPPORTED' });
      return;
    }
    expect(await drive(origin, server.at)).toEqual(['ok']);
    expect([...server.calledBy]).toEqual([called]);
  });

  itOverTls(`takes any certificate where it was told to, and presents its own ${skipped || ''}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'squall-tls-'));
    const client = await authority.issue({ names: ['client.invalid'] });
    const [certificateFile, keyFile, both] = ['c.pem', 'k.pem', 'both.pem'].map(file => join(folder, file)) as [
      string,
      string,
      string,
    ];
    writeFileSync(certificateFile, client.certificate);
    writeFileSync(keyFile, client.key);
    writeFileSync(both, `${client.certificate}\n${client.key}`);
    await using server = await startServer('llm.invalid', true);
    const run = (tls: ClientTls, trusted?: string) => drive('https://llm.invalid', server.at, trusted, tls);
    expect(await run({ certificateFile, keyFile })).toEqual(['ok']);
    expect(await run({ certificateFile: both, insecure: true }, stranger.certificate)).toEqual(['ok']);
    expect(await run({ certificateFile: both }, stranger.certificate)).toEqual(['connection-refused']);
    // The server ends the connection after the handshake.
    expect(await run({})).not.toContain('ok');
    rmSync(folder, { recursive: true });
  });

  itOverTls(`is refused with another's certificate ${skipped || ''}`, async () => {
    await using server = await startServer('other.invalid');
    expect(await drive('https://llm.invalid', server.at)).toEqual(['connection-refused']);
    expect(await drive('https://other.invalid', server.at, stranger.certificate)).toEqual(['connection-refused']);
    expect(server.calledBy.size).toBe(0);
    expect(await drive('https://other.invalid', server.at)).toEqual(['ok']);
  });
});
