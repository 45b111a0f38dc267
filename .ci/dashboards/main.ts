/** Writes the dashboards of Grafana, `docs/dashboards/*.json`, from their descriptions: `npm run dashboards`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DASHBOARDS } from './all.ts';
import { dashboardJson } from './grafana.ts';

for (const dashboard of DASHBOARDS)
  writeFileSync(join(import.meta.dirname, '../../docs/dashboards', `${dashboard.name}.json`), dashboardJson(dashboard));
