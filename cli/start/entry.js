// What `import … from 'squall'` gets: the sources of a checkout, or what a package was compiled to.
import { isCheckout } from './node.js';

export const { defineScenario, runScenario, startToxiproxy, SquallError } = await import(
  isCheckout ? '../api.ts' : '../../dist/cli/api.js'
);
