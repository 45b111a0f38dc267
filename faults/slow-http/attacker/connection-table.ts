import { closeSync, openSync, readSync } from 'node:fs';
import { isIP } from 'node:net';
import { endianness } from 'node:os';

/** What the kernel knows of a connection that nobody reads from. */
export type KernelState = 'open' | 'fin' | 'gone';

const CLOSE_WAIT = 0x08;
/** States of the end that closed first: FIN_WAIT1, FIN_WAIT2, CLOSING. */
const CLOSED_FIRST = new Set([0x04, 0x05, 0x0b]);
/** How the kernel prints what precedes an IPv4 address that is mapped into IPv6. */
const MAPPED = endianness() === 'LE' ? '0000000000000000FFFF0000' : '00000000000000000000FFFF';
/** "  12: 0200007F:9C40 0100007F:1F90 01 …": local address and port, remote address and port, state; all in hex, IPv6 in 32 digits. */
const LINE = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2})/;
const chunk = Buffer.alloc(65_536);

/**
 * The kernel's table of connections to one port (proc(5), `/proc/net/tcp`), by local address. A connection that was reset is no
 * longer in it, one that the other side ended waits in CLOSE_WAIT. A program that does not read learns of neither. Where the other side's FIN
 * waits behind bytes that were not read, its own end of the connection shows it, if that is on this machine too.
 *
 * @param directory where the tables are; without IPv6 in the kernel there is no `tcp6`. @default /proc/net
 * @returns looks a local address and port up, undefined for what is no address; undefined where there is no such table (not Linux)
 */
export function readConnectionTable(
  remotePort: number,
  directory = '/proc/net',
): ((localAddress: string, localPort: number) => KernelState | undefined) | undefined {
  const states = new Map<string, number>();
  // Many connections share few addresses.
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

/**
 * An IP address as the kernel prints it: as words of 32 bits, one for IPv4 and four for IPv6, each in the order of this machine's bytes.
 * @returns undefined for what is no address
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

/** The 16 bytes of a valid IPv6 address; a URL writes an IPv4 tail as groups too. */
function ipv6Bytes(address: string): number[] {
  const groupsOf = (text = '') => (text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16)));
  const [head, tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::').map(groupsOf);
  const zeros = Array.from({ length: 8 - head!.length - (tail?.length ?? 0) }, () => 0);
  return [...head!, ...zeros, ...(tail ?? [])].flatMap(group => [group >> 8, group & 0xff]);
}
