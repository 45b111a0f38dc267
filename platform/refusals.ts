import { readFileSync } from 'node:fs';
import type { Refusals } from '../harness/requests.ts';

const MESSAGE = '"Unable to open connection to upstream"';

/**
 * Connections that a fault proxy had to accept before it learnt that the server behind it does not, by link: the lines about them in
 * its log, in Toxiproxy's format. Their clients see a reset, not a refused connection. None if there is no log.
 */
export function refusalsIn(logPath: string): Refusals[] {
  const byLink = new Map<string, { reason: string; count: number }>();
  for (const line of linesOf(logPath)) {
    const from = line.indexOf('{');
    if (!line.includes(MESSAGE) || from < 0) continue;
    const { name, error } = parse(line.slice(from));
    if (typeof name !== 'string' || typeof error !== 'string') continue;
    const found = byLink.get(name);
    if (found) found.count += 1;
    else byLink.set(name, { reason: error, count: 1 });
  }
  return [...byLink].map(([link, refusals]) => ({ link, ...refusals }));
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** An empty object for a line that is cut off. */
function parse(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    return {};
  }
}
