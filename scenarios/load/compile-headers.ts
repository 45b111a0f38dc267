import { type Environment, isCredential, referenceIn, resolveSecret } from '../../load/request/secrets.ts';
import { badScenario } from '../bad-scenario.ts';

/** Headers that frame a request on its connection, which is Squall's part. */
const FRAMING = new Set(['connection', 'content-length', 'expect', 'keep-alive', 'transfer-encoding', 'upgrade']);

/**
 * Headers of a load, by name in lower case; of two that differ in case only, the later one. A credential must be a reference to the
 * environment: a literal one would be in every file of the run. Messages never quote a value.
 * @param environment null where references are resolved elsewhere
 * @throws SquallError `BAD_SCENARIO` that names the header
 */
export function compileHeaders(
  headers: Readonly<Record<string, string>>,
  field: string,
  environment: Environment | null,
): Record<string, string> {
  const compiled: Record<string, string> = {};
  for (const [written, value] of Object.entries(headers)) {
    const name = written.toLowerCase();
    const own = `${field}.${written}`;
    if (FRAMING.has(name)) throw badScenario(own, 'left out, since Squall sets it', written);
    if (isCredential(name, value))
      throw badScenario(
        own,
        'a reference to the environment, such as `env:API_KEY` or `Bearer env:API_KEY`, since a literal key would be in every file of the run',
        '…',
      );
    const variable = referenceIn(value);
    if (environment && variable !== undefined) {
      if (environment[variable] === undefined)
        throw badScenario(own, 'the name of an environment variable that is set', `env:${variable}`);
      if (!/^[\t -~\x80-\xff]+$/.test(resolveSecret(value, environment)))
        throw badScenario(own, 'a variable with one line of printable text', `env:${variable}`);
    }
    compiled[name] = value;
  }
  return compiled;
}
