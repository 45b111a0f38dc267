/**
 * Headers by which products and usual configurations of proxies name the upstream of a response, innermost first: Squall's gateway,
 * LiteLLM (the base URL of a deployment, else its id), llm-d's simulator, AIBrix, Envoy with `%UPSTREAM_REMOTE_ADDRESS%`, nginx with
 * `$upstream_addr`, HAProxy with `%s`, and others. Headers of times and statuses, such as Envoy's `x-envoy-upstream-service-time`, name nothing.
 */
const HEADERS = [
  'x-squall-upstream',
  'x-litellm-model-api-base',
  'x-litellm-model-id',
  'x-inference-pod',
  'target-pod',
  'x-envoy-upstream-host',
  'x-upstream-addr',
  'x-upstream',
  'x-backend-server',
  'x-backend',
  'x-served-by',
];
const MAX_CHARACTERS = 200;

/**
 * Name of the upstream that a response came from; empty if unknown. Of a list, as nginx makes it of the upstreams that it tried, the last.
 * @param header finds a header by its name in lower case
 * @param named the only header to look at, in lower case. @default those of well-known products
 */
export function upstreamOf(header: (name: string) => string | undefined, named?: string): string {
  const names = named === undefined ? HEADERS : [named];
  const found = names.map(header).find(value => value !== undefined && value.trim() !== '') ?? '';
  const last = found.split(/,| : /).at(-1)!.trim();
  return last.slice(0, MAX_CHARACTERS);
}
