import type { Difference } from './table.ts';

const CREATED = '201 {"name":"p","listen":"127.0.0.1:N","upstream":"UP","enabled":true,"toxics":[]}';
const slicer = (size: number, variation: number) =>
  `200 ${toxic('slicer', `"average_size":${size},"size_variation":${variation},"delay":0`)}`;
const bandwidth = (rate: number) => toxic('bandwidth', `"rate":${rate}`);
const NO_RATE = '400 {"error":"rate must be greater than 0","status":400}⏎';
const NO_SIZE = '400 {"error":"average_size must be greater than 0","status":400}⏎';
const TOO_VARIED = '400 {"error":"size_variation must be between 0 and average_size","status":400}⏎';
const TWICE = '409 {"error":"toxic already exists","status":409}⏎';

/** Every difference of ours that is meant. */
export const DIFFERENCES: readonly Difference[] = [
  {
    row: 'bytes: an end is passed on, and comes back',
    ours: 'last words, end',
    theirs: 'Error: closed after 0 of 10 bytes',
    why: 'half-close is kept: what a client still waits for arrives after its own end (2.12 closes both directions)',
  },
  ...(
    [
      ['toxics: a slicer that cannot slice', [NO_SIZE, NO_SIZE], [slicer(0, 0), TWICE], 'crashes'],
      ['toxics: a slicer that varies too much', [TOO_VARIED], [slicer(10, 20)], 'crashes'],
      ['toxics: no bandwidth', [NO_RATE, '200 []'], [`200 ${bandwidth(0)}`, `200 [${bandwidth(0)}]`], 'hangs'],
      ['toxics: negative bandwidth', [NO_RATE, '200 []'], [`200 ${bandwidth(-5)}`, `200 [${bandwidth(-5)}]`], 'hangs'],
    ] as const
  ).map(([row, ours, theirs, what]) => ({
    row,
    ours: [CREATED, ...ours].join(' | '),
    theirs: [CREATED, ...theirs].join(' | '),
    why: `refused, as from 2.13; 2.12 takes it and ${what}`,
  })),
];

function toxic(type: string, attributes: string): string {
  return `{"attributes":{${attributes}},"name":"${type}_downstream","type":"${type}","stream":"downstream","toxicity":1}`;
}
