import { type EndFacts, finalSamples, type Invariant, replicasOf } from './facts.ts';

/** Gauges that count what is held by requests, by the service that exports them. */
const GAUGES = {
  gateway: ['gateway_requests_in_flight', 'gateway_streams_active', 'gateway_upstream_in_flight'],
  inference: ['vllm:num_requests_running', 'vllm:num_requests_waiting'],
} as const;

/** Once the last request has ended, gateways and engines hold nothing for any: their gauges are at 0, and not below. */
export const everythingReleased: Invariant<EndFacts> = {
  name: 'everything-is-released',
  breaches: facts =>
    Object.entries(GAUGES).flatMap(([service, names]) =>
      replicasOf(facts, service).flatMap(replica =>
        names.flatMap(name =>
          (finalSamples(facts, replica, name) ?? [])
            .filter(({ value }) => value !== 0)
            .map(({ labels, value }) => {
              const of = labels.upstream === undefined ? '' : ` of ${labels.upstream}`;
              return `${name}${of} at ${replica} is ${value} after the last request has ended`;
            }),
        ),
      ),
    ),
};

/** A connection is open at both ends or at none. */
export const noHalfOpen: Invariant<EndFacts> = {
  name: 'no-connection-is-left',
  breaches: ({ halfOpen }) => halfOpen.map(words => `${words} is open at one end only`),
};
