import { expect, it } from 'vitest';
import { parsePin, pinOf, requireVersions } from '../../harness/versions.ts';

const VERSIONS = {
  node: 'v24.21.0',
  nginx: '1.22.1 (PATH)',
  toxiproxy: 'git (.tools/bin)',
  docker: '20.10.24+dfsg1',
  'squall/service': 'sha256:0123',
};

it('pins what another machine can have, wherever it keeps it', () => {
  const pin = pinOf(VERSIONS);
  expect(pin).toBe('docker=20.10.24+dfsg1,nginx=1.22.1,node=24.21.0,toxiproxy=git');
  expect(() => requireVersions(parsePin(pin)!, { ...VERSIONS, nginx: '1.22.1 (.tools/bin)' })).not.toThrow();
});

it('refuses other versions, and what is missing, with the difference', () => {
  const { docker: _docker, ...found } = { ...VERSIONS, nginx: '1.24.0 (PATH)' };
  expect(() => requireVersions(parsePin(pinOf(VERSIONS))!, found)).toThrow(
    expect.objectContaining({
      code: 'OTHER_VERSIONS',
      message:
        'Expected the pinned versions: docker 20.10.24+dfsg1, found none in this run; nginx 1.22.1, found 1.24.0',
    }),
  );
});

it.each(['', 'node', 'node=', '=1', 'node=1,', 'node=1 2'])('takes no other text for a pin: "%s"', text => {
  expect(parsePin(text)).toBeUndefined();
});
