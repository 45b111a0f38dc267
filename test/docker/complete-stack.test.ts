import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { dockerPlatform } from '../../platform/docker/platform.ts';
import { completeStack } from '../e2e/complete-stack.ts';
import { noDocker } from './docker-stack.ts';

completeStack('the complete stack of containers', async () => dockerPlatform({ connect: connectToxiproxy }), noDocker);
