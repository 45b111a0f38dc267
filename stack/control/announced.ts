import { isLoopback } from '../../harness/host/target.ts';
import type { ServiceDefinition } from './consul/definition.ts';

/**
 * Why a registration is refused: each of its addresses, and of those that its checks would fetch, must be one that the platform announced.
 * Otherwise a registration could lead clients, or this service, anywhere.
 * @param nodeAddress address of services without one
 * @param announced `host:port` each; undefined: any port of the loopback interface
 * @returns undefined for a registration that is accepted
 */
export function unannounced(
  { address, port, taggedAddresses, checks }: ServiceDefinition,
  nodeAddress: string,
  announced: readonly string[] | undefined,
): string | undefined {
  const served = [{ address, port }, ...Object.values(taggedAddresses)];
  const checked = checks.flatMap(({ method }) => (method.kind === 'http' ? [new URL(method.url)] : []));
  const all = [
    ...served.map(one => ({ host: one.address || nodeAddress, port: one.port })),
    ...checked.map(url => ({ host: url.hostname, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) })),
  ];
  const foreign = all.find(one => !isAnnounced(one, announced));
  return foreign && `${foreign.host}:${foreign.port} is not an address of this stack`;
}

function isAnnounced(
  { host, port }: { readonly host: string; readonly port: number },
  announced: readonly string[] | undefined,
): boolean {
  const plain = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (announced === undefined) return plain === 'localhost' || isLoopback(plain);
  return announced.includes(`${plain}:${port}`);
}
