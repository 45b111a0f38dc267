import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../faults/slow-http/attack.ts';
import { attackKinds, loadAttack } from '../../../faults/slow-http/attacker/catalog.ts';
import { statusViolation } from '../../../faults/slow-http/script/expectation.ts';
import { malformedShapes, shapeViolation } from '../../../faults/slow-http/script/malformed-shapes.ts';
import { requestHead } from '../../../faults/slow-http/script/request-text.ts';

const target = { host: '127.0.0.1:1', authorization: '', model: 'm' };

async function scriptOf(kind: string, parameters: Record<string, unknown> = {}) {
  const attack = await loadAttack(kind);
  return attack.script(attack.parameters.parse(parameters), target);
}

/** Everything that the first connection sends in its first `turns`. */
async function sent(kind: string, turns: number, parameters: Record<string, unknown> = {}): Promise<string> {
  const script = await scriptOf(kind, parameters);
  return Array.from({ length: turns }, (_, turn) => script.step(0, turn).write ?? '').join('');
}

describe('scripts of attacks', () => {
  it('are the ten kinds', () => {
    expect(attackKinds).toEqual([
      'connection-flood',
      'hijack-prompt',
      'long-header',
      'low-and-slow',
      'malformed',
      'many-headers',
      'pipelining',
      'slow-body',
      'slow-headers',
      'slow-read',
    ]);
  });

  it('authenticate as clients do, one way', () => {
    const head = (more: object) => requestHead({ ...target, authorization: 'Bearer a', ...more }, 'GET', '/');
    expect(head({})).toContain('\r\nAuthorization: Bearer a\r\n');
    const own = head({ credentials: { authorization: 'Basic b', 'api-key': 'c' } });
    expect(own.match(/^(authorization|api-key): .*$/gim)).toEqual(['Authorization: Basic b', 'api-key: c']);
  });

  it.each(attackKinds)('%s stays within the limits and cannot be told to go beyond', async kind => {
    const { opening } = await scriptOf(kind);
    expect(opening.connections).toBeLessThanOrEqual(LIMITS.connections);
    expect(opening.perSecond).toBeLessThanOrEqual(LIMITS.perSecond);
    const { parameters } = await loadAttack(kind);
    expect(parameters.safeParse({ connections: LIMITS.connections + 1 }).success).toBe(false);
    if ('perSecond' in parameters.shape)
      expect(parameters.safeParse({ perSecond: LIMITS.perSecond + 1 }).success).toBe(false);
  });

  it('slow-headers never ends its headers', async () => {
    const text = await sent('slow-headers', 50);
    expect(text).not.toContain('\r\n\r\n');
    expect(text.match(/\r\nX-\d+: a+/g)).toHaveLength(49);
  });

  it('slow-body never sends its last byte', async () => {
    const text = await sent('slow-body', 100, { contentLength: 40, pieceBytes: 7 });
    expect(text.split('\r\n\r\n')[1]).toHaveLength(39);
  });

  it('slow-read asks as often as it is told, once', async () => {
    const text = await sent('slow-read', 5, { requests: 3 });
    expect(text.match(/GET \/ HTTP/g)).toHaveLength(3);
    const scored = await sent('slow-read', 5, { request: 'prompt-logprobs', promptTokens: 100 });
    const { prompt_logprobs, messages } = JSON.parse(scored.split('\r\n\r\n')[1]!);
    expect([prompt_logprobs, messages[0].content.length]).toEqual([20, 400]);
  });

  it('long-header and many-headers are as long and as many as asked', async () => {
    expect(/User-Agent: (a+)/.exec(await sent('long-header', 1, { headerBytes: 3000 }))?.[1]).toHaveLength(3000);
    expect((await sent('many-headers', 1, { headers: 77 })).match(/\r\nX-/g)).toHaveLength(77);
  });

  it('a flood is 10 clients with 3,000 requests each within 5 s', async () => {
    const { opening } = await scriptOf('connection-flood');
    expect([opening.sources, opening.perSecond * 5]).toEqual([10, 30_000]);
  });

  it('a hijack prompt is a chat request that asks for very much', async () => {
    const [head, body] = (await sent('hijack-prompt', 1)).split('\r\n\r\n');
    expect(head).toMatch(/^POST \/v1\/chat\/completions /);
    expect(JSON.parse(body!)).toMatchObject({ model: 'm', max_tokens: 32_768, stream: true });
  });
});

describe('malformed requests', () => {
  const shapes = malformedShapes(target, '/v1/chat/completions');
  const shape = (name: RegExp) => shapes.find(candidate => name.test(candidate.name))!;

  it('judges what is right, and what is not', () => {
    const broken = shape(/truncated/);
    expect(shapeViolation(broken, { statuses: [400], by: 'client' })).toBeUndefined();
    expect(shapeViolation(broken, { statuses: [], by: 'server' })).toBeUndefined();
    expect(shapeViolation(broken, { statuses: [500], by: 'client' })).toMatch(/status 500/);
    expect(shapeViolation(broken, { statuses: [200], by: 'client' })).toMatch(/status 200/);
    expect(shapeViolation(broken, { statuses: [], by: 'timeout' })).toMatch(/no response/);
    expect(shapeViolation(broken, { statuses: [400, 400], by: 'server' })).toMatch(/2 responses/);
  });

  it('lets a server read one framing of a smuggling shape, but answer once', () => {
    const smuggling = shape(/CL\.TE/);
    expect(shapeViolation(smuggling, { statuses: [200], by: 'client' })).toBeUndefined();
    expect(shapeViolation(smuggling, { statuses: [200, 404], by: 'client' })).toMatch(/2 responses/);
    expect(shapeViolation(shape(/unknown/), { statuses: [501], by: 'server' })).toBeUndefined();
  });

  it('expects of a header that is too long what it is told to', () => {
    expect(statusViolation('403', { statuses: [403], by: 'client' }, 'it')).toBeUndefined();
    expect(statusViolation('403', { statuses: [200], by: 'client' }, 'it')).toMatch(/expected 403/);
    expect(statusViolation('any', { statuses: [200], by: 'client' }, 'it')).toBeUndefined();
    expect(statusViolation('any', { statuses: [502], by: 'client' }, 'it')).toMatch(/502/);
  });
});
