import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';

/**
 * TLS options of a client that reaches `host` (a name or an address, as in a URL) at another address, such as a link's: it asks
 * for the certificate of `host` and accepts no other.
 */
export function tlsNameOf(host: string): Required<Pick<ConnectionOptions, 'servername' | 'checkServerIdentity'>> {
  const bare = host.replace(/^\[|\]$/g, '');
  return {
    // An address is no server name (RFC 6066, section 3).
    servername: isIP(bare) ? '' : bare,
    checkServerIdentity: (_connectedTo, certificate) => checkServerIdentity(bare, certificate),
  };
}
