import http from 'node:http';
import https from 'node:https';

/** `HTTP_PROXY`, `https_proxy`, `ALL_PROXY` and the like, but not `NO_PROXY`. */
const PROXY = /^(?!no_).*_proxy$/i;

/** Names of the variables that {@link ignoreProxies} took out of this process's environment. */
export const ignoredProxies: string[] = [];

/**
 * Takes HTTP proxies out of the environment of this process and of all that it starts: a measurement through one would be one of the
 * proxy, and few programs leave it out for every loopback address. Also undoes what `NODE_USE_ENV_PROXY` did at the start of Node.
 * @returns names of the variables that were set
 */
export function ignoreProxies(env: NodeJS.ProcessEnv = process.env): string[] {
  const found = Object.keys(env).filter(name => PROXY.test(name));
  for (const name of found) delete env[name];
  // `fetch` keeps the proxies that it was started with, but reads this each time.
  if (found.length > 0) Object.assign(env, { NO_PROXY: '*', no_proxy: '*' });
  if (env.NODE_USE_ENV_PROXY !== undefined) {
    http.globalAgent = new http.Agent({ keepAlive: true });
    https.globalAgent = new https.Agent({ keepAlive: true });
    delete env.NODE_USE_ENV_PROXY;
  }
  if (env === process.env) ignoredProxies.push(...found);
  return found;
}
