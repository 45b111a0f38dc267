import { isFailure, type RequestRecord } from '../../harness/requests.ts';
import type { RunDocument } from '../store/run-document.ts';

/** A header that names more is no name of an upstream, or the report no place for all of them. */
const MAX_UPSTREAMS = 20;

/** Requests of the load, without the warm-up, by the upstream that their responses name; nothing if none does. */
export function upstreamsOf(records: readonly RequestRecord[]): Pick<RunDocument, 'upstreams'> {
  const named = records.filter(({ scheduledMs, upstream }) => scheduledMs >= 0 && upstream !== '');
  const upstreams = [...Map.groupBy(named, ({ upstream }) => upstream)]
    .map(([name, requests]) => ({ name, requests: requests.length, failed: requests.filter(isFailure).length }))
    .sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1));
  return upstreams.length === 0 ? {} : { upstreams: upstreams.slice(0, MAX_UPSTREAMS) };
}
