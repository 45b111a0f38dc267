import type { LoadNote } from '../../../../harness/requests.ts';
import type { RenderInput } from '../../../../reports/store/run-document.ts';
import { changed, passingRun } from './fixture.ts';

/** Notes as the streaming engine makes them: failures of three kinds, of which one had no response, and two oddities. */
export const NOTES: readonly LoadNote[] = [
  {
    type: 'failure',
    name: 'http-404',
    count: 92,
    example: '{"error":{"message":"no model nope here, there is my-model"}}',
    headers: { 'content-type': 'application/json', server: 'uvicorn', 'x-request-id': 'c0ffee-11' },
  },
  {
    type: 'failure',
    name: 'http-502',
    count: 60,
    example: `<html>\\r\\n<head><title>502 Bad Gateway</title></head>\\r\\n<body>${'x'.repeat(200)}`,
    headers: { 'content-type': 'text/html', server: 'nginx/1.22.1', via: '1.1 edge' },
  },
  { type: 'failure', name: 'connection-refused', count: 8, example: '' },
  { type: 'oddity', name: 'no-done', count: 1980, example: 'Streams end without `data: [DONE]`.' },
  { type: 'oddity', name: 'media-type', count: 1, example: 'A stream has the media type application/x-ndjson.' },
];

/** The passing run, with what the service said. */
export function notedRun(): RenderInput {
  return changed(passingRun(), { notes: NOTES });
}
