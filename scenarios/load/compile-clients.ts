import type { ClientsPlan, UserClass, Workload } from '../../harness/plan.ts';
import { badScenario } from '../bad-scenario.ts';
import type { ClientsInput } from './clients-schema.ts';
import { type CompileWorkload, changeWorkload } from './compile-workload.ts';

/**
 * How clients behave.
 * @param workload of those whose class says nothing else
 * @throws SquallError that names the field
 */
export function compileClients(clients: ClientsInput, workload: Workload, context: CompileWorkload): ClientsPlan {
  const classes = clients.classes ?? [];
  const twice = classes.find(({ name }, index) => classes.findIndex(other => other.name === name) !== index);
  if (twice) throw badScenario('load.clients.classes', 'every `name` only once', twice.name);
  return {
    retry: clients.retry,
    clientTimeout: clients.clientTimeout ?? null,
    classes: classes.map((own, index): UserClass => {
      const field = `load.clients.classes[${index}]`;
      if (own.key?.startsWith('env:') && process.env[own.key.slice(4)] === undefined)
        throw badScenario(`${field}.key`, 'the name of an environment variable that is set', own.key);
      return {
        name: own.name,
        weight: own.weight,
        ...(own.key !== undefined && { key: own.key }),
        ...(own.priority !== undefined && { priority: own.priority }),
        workload: own.workload ? changeWorkload(workload, own.workload, `${field}.workload`, context) : workload,
        ...(own.clientTimeout && { clientTimeout: own.clientTimeout }),
      };
    }),
  };
}
