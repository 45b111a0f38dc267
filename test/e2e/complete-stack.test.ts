import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../faults/toxiproxy/find.ts';
import { processPlatform } from '../../stack/platform/process/platform.ts';
import { findTool } from '../../stack/tools.ts';
import { missing } from '../require.ts';
import { completeStack } from './complete-stack.ts';

const skip =
  missing('nginx', findTool('nginx') !== undefined) ||
  missing('redis', findTool('redis-server') !== undefined) ||
  missing('prometheus', findTool('prometheus') !== undefined);
completeStack(
  'the complete stack of processes',
  async () => processPlatform({ find: findToxiproxy, connect: connectToxiproxy }),
  skip,
);
