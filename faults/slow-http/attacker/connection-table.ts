import { closeSync, openSync, readSync } from 'node:fs';
import { isIP } from 'node:net';
import { endianness } from 'node:os';

/** Kernel state of a connection that is not read: `fin` when the other side closed it, `gone` when it was reset. */
export type KernelState = 'open' | 'fin' | 'gone';

const CLOSE_WAIT = 0x08;
/** States of the side that closed first: FIN_WAIT1, FIN_WAIT2, CLOSING. */
const CLOSED_FIRST = new Set([0x04, 0x05, 0x0b]);
/** Prefix of an IPv4 address that is mapped into IPv6, as the kernel prints it. */
const MAPPED = endianness() === 'LE' ? '0000000000000000FFFF0000' : '00000000000000000000FFFF';
/** "  12: 0200007F:9C40 0100007F:1F90 01 …": local address and port, remote address and port, state; all in hex, IPv6 in 32 digits. */
const LINE = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2})/;
const chunk = Buffer.alloc(65_536);

/**
 * Reads the kernel's table of connections to one port (proc(5), `/proc/net/tcp`). A connection that was reset is no longer in it, one that
 * the other side closed is in CLOSE_WAIT; a program that does not read notices neither. A FIN that waits behind unread bytes shows in the
 * state of the other side's socket, if that is on this machine too.
 *
 * @param directory where the tables are; a kernel without IPv6 has no `tcp6`. @default /proc/net
 * @returns a lookup by local address and port, undefined for an invalid address; undefined without such a table (not Linux)
 */
export function readConnectionTable(
  remotePort: number,
  directory = '/proc/net',
): ((localAddress: string, localPort: number) => KernelState | undefined) | undefined {
  const states = new Map<string, number>();
  // Many connections have few addresses.
  const known = new Map<string, string | undefined>();
  const closedThere = new Set<string>();
  const take = (line: string) => {
    const match = LINE.exec(line);
    if (!match) return;
    const [, local = '', localPort = 0, remote = '', port = 0, state = 0] = match.map((part, at) =>
      at === 2 || at > 3 ? Number.parseInt(part, 16) : part,
    );
    if (port === remotePort) states.set(`${local} ${localPort}`, Number(state));
    else if (localPort === remotePort && CLOSED_FIRST.has(Number(state)))
      closedThere.add(`${String(remote).replace(MAPPED, '')} ${port}`);
  };
  try {
    readLines(`${directory}/tcp`, take);
  } catch {
    return undefined;
  }
  try {
    readLines(`${directory}/tcp6`, take);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return undefined;
  }
  return (localAddress, localPort) => {
    if (!known.has(localAddress)) known.set(localAddress, kernelAddress(localAddress));
    const address = known.get(localAddress);
    if (address === undefined) return undefined;
    const state = states.get(`${address} ${localPort}`);
    if (state === undefined) return 'gone';
    return state === CLOSE_WAIT || closedThere.has(`${address.replace(MAPPED, '')} ${localPort}`) ? 'fin' : 'open';
  };
}

/** In chunks: with 10,000 connections the table is megabytes of text. */
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

/**
 * An IP address as the kernel prints it: words of 32 bits, one for IPv4 and four for IPv6, each in this machine's byte order.
 * @returns undefined for an invalid address
 */
export function kernelAddress(address: string): string | undefined {
  const [plain = ''] = address.split('%');
  const family = isIP(plain);
  if (family === 0) return undefined;
  const bytes = family === 4 ? plain.split('.').map(part => Number(part)) : ipv6Bytes(plain);
  const hex = bytes.map(byte => byte.toString(16).toUpperCase().padStart(2, '0'));
  if (endianness() === 'BE') return hex.join('');
  return Array.from({ length: hex.length / 4 }, (_, word) =>
    hex
      .slice(4 * word, 4 * word + 4)
      .reverse()
      .join(''),
  ).join('');
}

/** The 16 bytes of a valid IPv6 address; a URL normalises an IPv4 tail to groups. */
function ipv6Bytes(address: string): number[] {
  const groupsOf = (text = '') => (text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16)));
  const [head, tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::').map(groupsOf);
  const zeros = Array.from({ length: 8 - head!.length - (tail?.length ?? 0) }, () => 0);
  return [...head!, ...zeros, ...(tail ?? [])].flatMap(group => [group >> 8, group & 0xff]);
}
