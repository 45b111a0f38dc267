import type { Target } from '../stream/task.ts';

/** Maximum number of characters of a body that is kept. */
const MAX_KEPT = 4096;

/** What a response was made of, before it was read. */
export interface Tapped {
  status: number;
  header: (name: string) => string | undefined;
  /** Beginning of the body, as it was sent. */
  text: string;
}

/** A target whose responses are also kept as they arrive. */
export function tapped(target: Target): { readonly target: Target; readonly seen: Tapped } {
  const seen: Tapped = { status: 0, header: () => undefined, text: '' };
  const take: Target['connections']['take'] = (...how) => {
    const connection = target.connections.take(...how);
    const send = connection.send.bind(connection);
    connection.send = (request, isHead, exchange) =>
      send(request, isHead, {
        onSent: () => exchange.onSent(),
        onHead(status, header) {
          Object.assign(seen, { status, header, text: '' });
          exchange.onHead(status, header);
        },
        onData(bytes) {
          if (seen.text.length < MAX_KEPT) seen.text += bytes.toString('latin1');
          exchange.onData(bytes);
        },
        onEnd: () => exchange.onEnd(),
        onError: error => exchange.onError(error),
      });
    return connection;
  };
  return { target: { ...target, connections: { ...target.connections, take } }, seen };
}
