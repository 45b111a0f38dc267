/** An API key as a scenario writes it: one that is only named (`env:NAME`) is read from there, so that it stands in no file of a run. */
export function keyOf(key: string): string {
  return key.startsWith('env:') ? (process.env[key.slice(4)] ?? '') : key;
}
