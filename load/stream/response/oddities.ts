/**
 * What responses of real servers hold beside the protocol, by code: read over, and noted once in the report. Of a sentence that ends
 * in a colon the example follows.
 */
export const ODDITIES = {
  'blank-done': '`[DONE]` is written in another way:',
  compressed: 'Responses are compressed, though nobody asked for it:',
  'content-parts': 'The content is a list of parts instead of a text',
  'empty-data': 'Some events have no data',
  'event-name': 'Some events have a name of their own:',
  'finish-reason': 'The finish_reason is spelled in another way:',
  'json-lines': 'The stream is made of JSON lines instead of server-sent events',
  'media-type': 'The stream is not declared as text/event-stream, but as',
  'no-blank-line': 'Some events are not followed by a blank line',
  'no-choices': 'Some chunks have no list of choices:',
  'no-delta': 'Some choices have no delta:',
  'no-done': 'Streams end without `[DONE]`, after their finish_reason',
  'no-finish-reason': 'Responses end without a finish_reason, so one that was given up looks complete',
  'not-json': 'Some events are not JSON:',
  'not-object': 'Some events are JSON of another kind:',
  'stream-options':
    '`stream_options` was rejected, so it is no longer sent, and frames are counted where usage is not reported:',
  'unasked-stream': 'A stream was sent where a whole response was asked for',
  usage: 'The reported completion_tokens cannot be true, so frames are counted:',
  'whole-response': 'A whole response was sent where a stream was asked for, so its only token is its end',
} as const;

/** Code of an oddity. */
export type Oddity = keyof typeof ODDITIES;

/** Sentence for an oddity. @param example of the server's own words, to be masked and shortened with the sentence */
export function sentenceOf(oddity: Oddity, example: string): string {
  return example === '' ? ODDITIES[oddity] : `${ODDITIES[oddity]} ${example}`;
}
