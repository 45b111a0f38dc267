import { describe, expect, it } from 'vitest';
import { thisMachine as machine } from '../../../harness/host/network.ts';
import { makeAuthority } from '../../../stack/edge/certificates.ts';
import { tlsHandshake } from '../../../stack/edge/handshake.ts';
import { until } from '../../until.ts';
import { send } from './fixtures/http-client.ts';
import { authority, nginx, noNginx, placeCertificate, type RunningEdge, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

const serverOf = (edge: RunningEdge) => ({
  host: '127.0.0.1',
  port: edge.httpsPort,
  authority: authority.certificate,
});

describe.skipIf(noNginx)(`TLS ${noNginx || ''}`, () => {
  it('terminates TLS 1.3 and logs the negotiated parameters', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ tls: {} }, [upstream.address]);
    const hybrid = 'X25519MLKEM768:X25519';
    const handshake = await tlsHandshake({ machine, ...serverOf(edge), groups: hybrid });
    expect(handshake.protocol).toBe('TLSv1.3');
    expect((await send(`https://127.0.0.1:${edge.httpsPort}/`)).status).toBe(200);
    const [line] = await edge.log(1);
    expect(line).toMatchObject({ tls_protocol: 'TLSv1.3', tls_cipher: handshake.cipher });
    // The hybrid group if the library supports it, else X25519.
    expect(line!.tls_group).toBe(nginx!.capabilities.postQuantum ? 'X25519MLKEM768' : 'X25519');
    if (!nginx!.capabilities.postQuantum) expect(handshake.keyExchange).toBe('X25519');
    expect(upstream.received[0]!.headers['x-forwarded-proto']).toBe('https');
  });

  it.each([
    { minVersion: 'TLSv1.3', outcome: 'rejected' },
    { minVersion: 'TLSv1.2', outcome: 'TLSv1.2' },
  ] as const)('with the minimum $minVersion, a TLS 1.2 client gets: $outcome', async ({ minVersion, outcome }) => {
    await using edge = await startEdge({ tls: { minVersion } }, ['127.0.0.1:9']);
    const actual = await tlsHandshake({ machine, ...serverOf(edge), maxVersion: 'TLSv1.2' }).then(
      handshake => handshake.protocol,
      error => (error.code === 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' ? 'rejected' : error),
    );
    expect(actual).toBe(outcome);
  });

  it('redirects plain HTTP with method, path and query, or serves it if so configured', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ tls: {} }, [upstream.address]);
    const response = await send(`${edge.url}/v1/models?a=b`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(308);
    expect(response.headers.location).toBe(`https://127.0.0.1:${edge.httpsPort}/v1/models?a=b`);
    expect(upstream.received).toHaveLength(0);
    await using open = await startEdge({ tls: { redirect: false } }, [upstream.address]);
    expect((await send(open.url)).status).toBe(200);
  });

  it('is rejected by clients when its certificate is expired, has another name or another CA', async () => {
    await using edge = await startEdge({ tls: {} }, ['127.0.0.1:9']);
    const past = { from: new Date(Date.now() - 7_200_000), to: new Date(Date.now() - 3_600_000) };
    const faults = [
      { pair: await authority.issue({ names: ['127.0.0.1'], ...past }), code: 'CERT_HAS_EXPIRED' },
      { pair: await authority.issue({ names: ['other.test'] }), code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
      {
        pair: await (await makeAuthority(new Date())).issue({ names: ['127.0.0.1'] }),
        code: 'CERT_SIGNATURE_FAILURE',
      },
    ];
    for (const { pair, code } of faults) {
      await placeCertificate(edge.prefix, pair);
      process.kill(edge.pid, 'SIGHUP');
      const actualCode = () =>
        tlsHandshake({ machine, ...serverOf(edge) }).then(
          () => 'none',
          error => error.code,
        );
      await until(async () => (await actualCode()) === code);
    }
  });
});

describe.skipIf(noNginx)(`certificate hot reload ${noNginx || ''}`, () => {
  it('presents the new certificate to new connections and drops no request', async () => {
    await using upstream = await startUpstream((request, response) => {
      response.write('first');
      // One stream spans the reload.
      if (request.url === '/long') setTimeout(() => response.end('last'), 2000);
      else response.end();
    });
    await using edge = await startEdge({ tls: {} }, [upstream.address]);
    const url = `https://127.0.0.1:${edge.httpsPort}`;
    const before = await tlsHandshake({ machine, ...serverOf(edge) });
    const long = send(`${url}/long`);
    await until(() => upstream.received.length === 1);

    let isOver = false;
    const outcomes = { ok: 0, failed: [] as unknown[] };
    const client = async () => {
      while (!isOver) {
        await send(url).then(
          ({ status, body }) => {
            if (status === 200 && body === 'first') outcomes.ok += 1;
            else outcomes.failed.push(body);
          },
          error => outcomes.failed.push(error),
        );
      }
    };
    const clients = [client(), client(), client(), client()];
    await until(() => outcomes.ok > 10);
    await placeCertificate(edge.prefix, await authority.issue({ names: ['127.0.0.1'] }));
    process.kill(edge.pid, 'SIGHUP');
    await until(async () => (await tlsHandshake({ machine, ...serverOf(edge) })).fingerprint !== before.fingerprint);
    const okAtReload = outcomes.ok;
    await until(() => outcomes.ok > okAtReload + 10);
    isOver = true;
    await Promise.all(clients);
    expect(outcomes.failed).toEqual([]);
    expect((await long).body).toBe('firstlast');
  });
});
