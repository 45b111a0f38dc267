import type { LoadPlan, UserClass, Workload } from '../../harness/plan.ts';

/** Values of environment variables by name: `process.env`, or that of k6. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A reference to a variable, possibly after the scheme of an `Authorization` header. */
const REFERENCE = /^([!-~]+ )?env:([A-Za-z_]\w*)$/;

/** Name of the variable that a value of a scenario refers to, as in `env:NAME` and `Bearer env:NAME`; undefined for a literal value. */
export function referenceIn(value: string): string | undefined {
  return REFERENCE.exec(value)?.[2];
}

/** Replaces a reference to the environment by the variable's value, without blanks around it; a literal value remains as it is. */
export function resolveSecret(value: string, environment: Environment): string {
  const [, scheme = '', name] = REFERENCE.exec(value) ?? [];
  return name === undefined ? value : scheme + (environment[name] ?? '').trim();
}

type Headers = Readonly<Record<string, string>>;

/** Headers with every reference replaced; see {@link resolveSecret}. */
export function resolvedHeaders(headers: Headers, environment: Environment): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, resolveSecret(value, environment)]));
}

/** Headers that come from the environment, resolved. */
export function credentialsOf(headers: Headers, environment: Environment): Headers {
  const references = Object.entries(headers).filter(([, value]) => referenceIn(value) !== undefined);
  return resolvedHeaders(Object.fromEntries(references), environment);
}

type WithSecrets = Pick<LoadPlan, 'workload' | 'headers'> & { readonly clients?: LoadPlan['clients'] };

/**
 * A plan with every reference to the environment in its headers and keys replaced. Only generators call it, when they start: what it
 * returns is written to no file. Runs in k6 too.
 */
export function resolvedPlan<Plan extends WithSecrets>(plan: Plan, environment: Environment): Plan {
  const resolved = (headers: Headers) => resolvedHeaders(headers, environment);
  const workloadOf = (workload: Workload) =>
    workload.kind === 'http' ? { ...workload, headers: resolved(workload.headers) } : workload;
  const classOf = ({ key, workload, ...others }: UserClass): UserClass => ({
    ...others,
    ...(key !== undefined && { key: resolveSecret(key, environment) }),
    workload: workloadOf(workload),
  });
  const { workload, headers, clients } = plan;
  return {
    ...plan,
    workload: workloadOf(workload),
    ...(headers && { headers: resolved(headers) }),
    ...(clients && { clients: { ...clients, classes: clients.classes.map(classOf) } }),
  };
}

/** Names of the variables that the headers of a plan refer to. */
export function variablesOf({ headers = {}, workload }: WithSecrets): string[] {
  const all = { ...headers, ...(workload.kind === 'http' ? workload.headers : {}) };
  return [...new Set(Object.values(all).flatMap(value => referenceIn(value) ?? []))];
}

/** Names of headers and of parameters that hold a credential, whatever their value. */
const CREDENTIAL_NAME =
  /^(proxy-)?authorization$|^cookie$|^code$|apikey$|(^|[-_])(key|token|secret|password|credential|auth|sig|signature)$/i;
/** Names of that form that hold none. */
const HARMLESS_NAME = /(idempotency|cache|partition|routing)[-_]key$/i;
/** Values that are a credential, whatever the name: those with a scheme, and the keys of well-known products. */
const CREDENTIAL_VALUE =
  /^(bearer|basic|digest|negotiate) \S|\b(sk|pk|rk|hf|xai|gsk|nvapi|gh[a-z]|glpat|xox[a-z])[-_][\w-]{8}|\bAKIA[0-9A-Z]{12}|\beyJ[\w-]{8,}\./i;

/** Whether a literal header, or a parameter of a URL's query, is a credential, which has no place in a scenario or on a command line. */
export function isCredential(name: string, value: string): boolean {
  if (value === '' || referenceIn(value) !== undefined) return false;
  return (CREDENTIAL_NAME.test(name) && !HARMLESS_NAME.test(name)) || CREDENTIAL_VALUE.test(value);
}
