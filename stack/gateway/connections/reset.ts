import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Closes a connection with a TCP reset, so that the kernel frees it along with all unread data at once. After an ordinary close
 * the FIN waits behind that data, up to 4 MB a connection (`tcp_wmem`), until the client reads it; nginx has
 * `reset_timedout_connection` for the same reason. TLS and Unix sockets are closed the ordinary way.
 */
export function resetConnection(socket: Duplex): void {
  // While a FIN is being passed to the kernel, Node cannot reset the socket, nor close it after a failed reset.
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  try {
    if (!isEnding) (socket as Socket).resetAndDestroy();
  } catch {
    // Not TCP.
  }
  socket.destroy();
}
