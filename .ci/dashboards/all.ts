import { gateway } from './gateway.ts';
import { gatewayParts } from './gateway-parts.ts';
import type { Dashboard } from './grafana.ts';
import { inference } from './inference.ts';
import { overview } from './overview.ts';
import { runs } from './runs.ts';
import { scaling } from './scaling.ts';

/** All of them, the first to look at first. */
export const DASHBOARDS: readonly Dashboard[] = [overview, gateway, gatewayParts, inference, scaling, runs];
