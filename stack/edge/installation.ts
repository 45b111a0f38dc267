import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { placesOf } from '../../harness/host/programs.ts';
import type { EdgeCapabilities, ModSecurityPaths } from './concerns/concern.ts';

const VERSION_TIMEOUT_MS = 3000;
/** Paths of the core rule set in Debian's modsecurity-crs. */
export const CORE_RULE_SET = {
  setup: '/etc/modsecurity/crs/crs-setup.conf',
  rules: '/usr/share/modsecurity-crs/rules',
};

/** Local nginx installation. */
interface EdgeInstallation {
  readonly command: string;
  readonly capabilities: EdgeCapabilities;
}

/**
 * Finds nginx: the program named by `SQUALL_NGINX`, else the first one on PATH, in a system folder or in `.tools/bin`. Undefined when
 * there is none.
 * @param environment provides `PATH` and `SQUALL_NGINX`
 */
export async function findNginx(
  environment: NodeJS.ProcessEnv = process.env,
  signal?: AbortSignal,
): Promise<EdgeInstallation | undefined> {
  const named = environment.SQUALL_NGINX;
  for (const { command } of named ? [{ command: named }] : placesOf('nginx', { env: environment })) {
    const description = await describe(command, signal).catch(() => undefined);
    signal?.throwIfAborted();
    if (description === undefined) continue;
    const parsed = parseDescription(description);
    const modsecurity = findModSecurity(parsed.modulesFolder);
    return { command, capabilities: { postQuantum: parsed.postQuantum, modsecurity } };
  }
  return undefined;
}

/** Parses the output of `nginx -V`. X25519MLKEM768 requires OpenSSL 3.5; other TLS libraries are assumed not to support it. */
export function parseDescription(text: string) {
  const openssl = /running with OpenSSL (\S+)/.exec(text)?.[1] ?? /built with OpenSSL (\S+)/.exec(text)?.[1] ?? '';
  const [major = 0, minor = 0] = openssl.split('.').map(Number);
  return {
    postQuantum: major > 3 || (major === 3 && minor >= 5),
    modulesFolder: /--modules-path=(\S+)/.exec(text)?.[1],
  };
}

async function describe(command: string, signal: AbortSignal | undefined): Promise<string> {
  const { stderr } = await promisify(execFile)(command, ['-V'], {
    timeout: VERSION_TIMEOUT_MS,
    ...(signal && { signal }),
  });
  if (!stderr.includes('nginx version:')) throw new Error(`${command} is not nginx`);
  return stderr;
}

function findModSecurity(modulesFolder: string | undefined): ModSecurityPaths | undefined {
  if (modulesFolder === undefined) return undefined;
  const paths = { module: join(modulesFolder, 'ngx_http_modsecurity_module.so'), ...CORE_RULE_SET };
  return Object.values(paths).every(path => existsSync(path)) ? paths : undefined;
}
