/** Resolves the API key of a scenario. `env:NAME` is read from the environment, so that no file of the run contains it. */
export function resolveApiKey(key: string): string {
  return key.startsWith('env:') ? (process.env[key.slice(4)] ?? '') : key;
}
