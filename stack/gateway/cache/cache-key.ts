import { readFileSync } from 'node:fs';
import { messageOf } from '../../../harness/errors.ts';
import { badConfig } from '../../service-config.ts';
import type { CacheConfig } from './config.ts';

const KEY_BYTES = 32;

/**
 * Reads the key of the cache's entries, or another of 32 bytes.
 * @param part of the configuration that it belongs to
 * @throws SquallError `BAD_GATEWAY_CONFIG` that names field and source, never what was found there
 */
export function readCacheKey(
  { key }: Pick<CacheConfig, 'key'>,
  environment: Readonly<Record<string, string | undefined>>,
  part = 'cache',
): Buffer {
  const isFile = 'file' in key;
  const field = `\`${part}.key.${isFile ? 'file' : 'environment'}\``;
  const source = isFile ? `the file ${key.file}` : `the environment variable ${key.environment}`;
  const text = (isFile ? read(key.file, field) : environment[key.environment])?.trim();
  const bytes = Buffer.from(text ?? '', /^[0-9a-fA-F]{64}$/.test(text ?? '') ? 'hex' : 'base64');
  const isKey = bytes.length === KEY_BYTES && /^(?:[0-9a-fA-F]{64}|[\w+/-]{43}=?)$/.test(text ?? '');
  if (isKey) return bytes;
  const found = text ? `${text.length} characters` : 'nothing';
  throw badConfig(
    'GATEWAY_CONFIG',
    `GATEWAY_CONFIG: ${field}: expected ${source} to hold 32 bytes, as 64 hex digits or in base64 (openssl rand -hex 32), got ${found}`,
  );
}

function read(file: string, field: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw badConfig('GATEWAY_CONFIG', `GATEWAY_CONFIG: ${field}: cannot be read: ${messageOf(cause)}`, cause);
  }
}
