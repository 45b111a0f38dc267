import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../faults/toxiproxy/find.ts';
import { findProgram } from '../../harness/host/programs.ts';
import { processPlatform } from '../../platform/process/platform.ts';
import { missing } from '../require.ts';
import { completeStack } from './complete-stack.ts';

const skip =
  missing('nginx', findProgram('nginx') !== undefined) ||
  missing('redis', findProgram('redis-server') !== undefined) ||
  missing('prometheus', findProgram('prometheus') !== undefined);
completeStack(
  'the complete stack of processes',
  async () => processPlatform({ find: findToxiproxy, connect: connectToxiproxy }),
  skip,
);
