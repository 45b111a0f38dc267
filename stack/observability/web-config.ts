import { stringify } from 'yaml';
import type { Login } from '../../harness/http/login.ts';

/** Binary logarithm of the rounds; the least that bcrypt has, since a random password of the run cannot be guessed however fast a try is. */
const BCRYPT_COST = 4;

/**
 * Web configuration of a Prometheus that requires `login` for every request, probes included, by name of the file. The password itself
 * is not written, only its bcrypt hash, the only kind of hash that Prometheus takes. Not deterministic, as a hash has a random salt.
 * @param login its password is at most 72 bytes long, of which bcrypt reads no more
 */
export async function renderWebConfig({ username, password }: Login) {
  const { hash } = await import('bcryptjs');
  return { 'web.yml': stringify({ basic_auth_users: { [username]: await hash(password, BCRYPT_COST) } }) };
}
