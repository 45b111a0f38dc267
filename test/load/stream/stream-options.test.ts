import { describe, expect, it } from 'vitest';
import { StreamOptions } from '../../../load/stream/stream-options.ts';

const ASKING = JSON.stringify({ model: 'm', stream: true, stream_options: { include_usage: true } });
const SILENT = JSON.stringify({ model: 'm', stream: true });

describe('asking for usage', () => {
  it.each([400, 422])('ends after a %i that is none without', status => {
    const options = new StreamOptions(true);
    expect(options.areSent).toBe(true);
    expect(options.bodyAfter(status, ASKING)).toBe(SILENT);
    options.retried(true);
    expect(options.areSent).toBe(false);
    // Others that were in flight then are sent once more, too.
    expect(options.bodyAfter(status, ASKING)).toBe(SILENT);
  });

  it('goes on after a rejection for another reason, of which only a few are sent twice', () => {
    const options = new StreamOptions(true);
    const bodies = Array.from({ length: 10 }, () => {
      const body = options.bodyAfter(400, ASKING);
      if (body !== undefined) options.retried(false);
      return body;
    });
    expect(bodies.filter(body => body !== undefined)).toHaveLength(3);
    expect(options.areSent).toBe(true);
  });

  it('is no reason for a rejection once it was accepted, nor for another status, nor where nobody asked', () => {
    const options = new StreamOptions(true);
    expect(options.bodyAfter(404, ASKING)).toBeUndefined();
    expect(options.bodyAfter(400, SILENT)).toBeUndefined();
    options.accepted(SILENT);
    expect(options.bodyAfter(400, ASKING)).toBe(SILENT);
    options.accepted(ASKING);
    expect(options.bodyAfter(400, ASKING)).toBeUndefined();
    expect(new StreamOptions(false).areSent).toBe(false);
    expect(new StreamOptions(false).bodyAfter(400, ASKING)).toBeUndefined();
  });
});
