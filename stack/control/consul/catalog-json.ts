import type { CheckState, ServiceState } from '../registry.ts';
import { timingOf } from './definition.ts';

/** Node on which all services are registered. */
export interface NodeInfo {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly datacenter: string;
  /** Index of its registration. */
  readonly index: number;
}

const WEIGHTS = { Passing: 1, Warning: 1 } as const;

/** Entry of `GET /v1/agent/services`. */
export function agentService({ definition }: ServiceState, { datacenter }: NodeInfo) {
  return {
    ...identity(definition),
    Meta: definition.meta,
    Port: definition.port,
    Address: definition.address,
    Weights: WEIGHTS,
    EnableTagOverride: false,
    Datacenter: datacenter,
  };
}

/** Entry of `GET /v1/catalog/service/:name`. */
export function catalogService({ definition, createIndex, modifyIndex }: ServiceState, node: NodeInfo) {
  return {
    ...nodeIdentity(node),
    NodeMeta: {},
    ServiceKind: '',
    ServiceID: definition.id,
    ServiceName: definition.name,
    ServiceTags: definition.tags,
    ServiceAddress: definition.address,
    ServiceWeights: WEIGHTS,
    ServiceMeta: definition.meta,
    ServicePort: definition.port,
    ServiceSocketPath: '',
    ServiceEnableTagOverride: false,
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}

/** Entry of `GET /v1/health/service/:name`: instance, node, and the checks of both. */
export function healthService(service: ServiceState, node: NodeInfo) {
  const { definition, createIndex, modifyIndex, checks } = service;
  return {
    Node: { ...nodeIdentity(node), Meta: {}, CreateIndex: node.index, ModifyIndex: node.index },
    Service: {
      ...identity(definition),
      Address: definition.address,
      Meta: definition.meta,
      Port: definition.port,
      Weights: WEIGHTS,
      EnableTagOverride: false,
      CreateIndex: createIndex,
      ModifyIndex: modifyIndex,
    },
    Checks: [nodeCheck(node), ...checks.map(check => serviceCheck(check, service, node))],
  };
}

function serviceCheck(check: CheckState, { definition: service }: ServiceState, node: NodeInfo) {
  const { definition, status, output, createIndex, modifyIndex } = check;
  return {
    Node: node.name,
    CheckID: definition.id,
    Name: definition.name,
    Status: status,
    Notes: definition.notes,
    Output: output,
    ServiceID: service.id,
    ServiceName: service.name,
    ServiceTags: service.tags,
    Type: definition.method.kind,
    ...timingOf(definition.method),
    ExposedPort: 0,
    Definition: {},
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}

/** Check of the node, which Consul lists first. The node is this process, so it passes. */
function nodeCheck({ name, index }: NodeInfo) {
  return {
    Node: name,
    CheckID: 'serfHealth',
    Name: 'Serf Health Status',
    Status: 'passing',
    Notes: '',
    Output: 'Agent alive and reachable',
    ServiceID: '',
    ServiceName: '',
    ServiceTags: [],
    Type: '',
    Interval: '',
    Timeout: '',
    ExposedPort: 0,
    Definition: {},
    CreateIndex: index,
    ModifyIndex: index,
  };
}

function identity({ id, name, tags, taggedAddresses }: ServiceState['definition']) {
  const entries = Object.entries(taggedAddresses).map(([tag, { address, port }]) => [
    tag,
    { Address: address, Port: port },
  ]);
  const tagged = entries.length === 0 ? {} : { TaggedAddresses: Object.fromEntries(entries) };
  return { ID: id, Service: name, Tags: tags, ...tagged };
}

function nodeIdentity({ id, name, address, datacenter }: NodeInfo) {
  return {
    ID: id,
    Node: name,
    Address: address,
    Datacenter: datacenter,
    TaggedAddresses: { lan: address, wan: address },
  };
}
