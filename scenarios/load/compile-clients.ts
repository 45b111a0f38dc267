import {
  type ClientsPlan,
  type ConnectionUse,
  DEFAULT_CONNECTIONS,
  type UserClass,
  type Workload,
} from '../../harness/plan.ts';
import { badScenario } from '../bad-scenario.ts';
import type { ClientsInput } from './clients-schema.ts';
import { changeWorkload, type WorkloadContext } from './compile-workload.ts';

/**
 * Compiles the `clients` section of a load.
 * @param workload the load's, for classes that do not change it
 * @throws SquallError that names the field
 */
export function compileClients(clients: ClientsInput, workload: Workload, context: WorkloadContext): ClientsPlan {
  const { retry, clientTimeout = null, classes = [] } = clients;
  const repeated = classes.find(({ name }, index) => classes.findIndex(other => other.name === name) !== index);
  if (repeated) throw badScenario('load.clients.classes', 'a list in which every `name` is unique', repeated.name);
  return {
    connections: connectionUse(clients),
    retry,
    clientTimeout,
    classes: classes.map(({ workload: changes, ...own }, index): UserClass => {
      const field = `load.clients.classes[${index}]`;
      if (own.key?.startsWith('env:') && process.env[own.key.slice(4)] === undefined)
        throw badScenario(`${field}.key`, 'the name of an environment variable that is set', own.key);
      const changed = changes ? changeWorkload(workload, changes, `${field}.workload`, context) : workload;
      return { ...own, workload: changed } as UserClass;
    }),
  };
}

function connectionUse({ connections: kind, requestsPerConnection: bound }: ClientsInput): ConnectionUse {
  if (kind === 'fresh') {
    if (bound === undefined || bound === 1) return { kind, maxRequests: 1 };
    throw badScenario(
      'load.clients.requestsPerConnection',
      'left out, since each request has a fresh connection',
      bound,
    );
  }
  const unbound = kind === 'reuse' ? DEFAULT_CONNECTIONS.maxRequests : null;
  return { kind, maxRequests: bound === 'unlimited' ? null : (bound ?? unbound) };
}
