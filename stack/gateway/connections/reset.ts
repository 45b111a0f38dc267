import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Closes a connection with a reset, so that the kernel forgets it at once along with all that its client has not taken. After an
 * ordinary close a FIN waits behind that, up to 4 MB a connection (`tcp_wmem`), for as long as the client likes; nginx has
 * `reset_timedout_connection` for the same. What is not TCP itself, such as TLS or a socket file, is closed in the ordinary way.
 */
export function resetConnection(socket: Duplex): void {
  // While a FIN is being handed to the kernel Node can neither reset a socket nor, after trying, close it.
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  try {
    if (!isEnding) (socket as Socket).resetAndDestroy();
  } catch {
    // Not TCP.
  }
  socket.destroy();
}
