import { closeSync, openSync, readSync } from 'node:fs';

/** What the kernel knows of a connection that nobody reads from. */
export type KernelState = 'open' | 'fin' | 'gone';

const CLOSE_WAIT = 0x08;
/** "  12: 0200007F:9C40 0100007F:1F90 01 …": local address and port, remote address and port, state; all in hex. */
const LINE = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{2})/;
const chunk = Buffer.alloc(65_536);

/**
 * The kernel's table of connections to one port (proc(5), `/proc/net/tcp`), by local address. A connection that was reset is no
 * longer in it, one that the other side ended waits in CLOSE_WAIT. A program that does not read learns of neither.
 *
 * @returns looks a local address and port up; undefined where there is no such table (not Linux)
 */
export function readConnectionTable(
  remotePort: number,
): ((localAddress: string, localPort: number) => KernelState) | undefined {
  const states = new Map<number, number>();
  try {
    for (const file of ['/proc/net/tcp', '/proc/net/tcp6'])
      readLines(file, line => {
        const match = LINE.exec(line);
        if (!match || Number.parseInt(match[3]!, 16) !== remotePort) return;
        states.set(keyOf(match[1]!, Number.parseInt(match[2]!, 16)), Number.parseInt(match[4]!, 16));
      });
  } catch {
    return undefined;
  }
  return (localAddress, localPort) => {
    const state = states.get(keyOf(kernelAddress(localAddress), localPort));
    if (state === undefined) return 'gone';
    return state === CLOSE_WAIT ? 'fin' : 'open';
  };
}

/** Piece by piece: with 10,000 connections the table is megabytes of text. */
function readLines(file: string, take: (line: string) => void): void {
  const descriptor = openSync(file, 'r');
  try {
    let rest = '';
    for (;;) {
      const bytes = readSync(descriptor, chunk);
      if (bytes === 0) break;
      const lines = `${rest}${chunk.toString('latin1', 0, bytes)}`.split('\n');
      rest = lines.pop()!;
      lines.forEach(take);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** IPv6 addresses are known by their last 32 bits, for among those of this machine there is `::1` alone. */
function keyOf(address: string, port: number): number {
  return Number.parseInt(address.slice(-8), 16) * 65_536 + port;
}

/** An IP address as the kernel of a little-endian machine prints it. */
function kernelAddress(address: string): string {
  if (address === '::1') return '01000000';
  return address
    .split('.')
    .map(part => Number(part).toString(16).toUpperCase().padStart(2, '0'))
    .reverse()
    .join('');
}
