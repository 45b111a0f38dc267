import type { Reporter, TestModule } from 'vitest/node';

const SHOWN = 10;

/** Ends a run of all tests with the files that took longest, so that a test run grows only knowingly. */
export default class Slowest implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    if (modules.length < SHOWN) return;
    const slowest = modules.toSorted((a, b) => b.diagnostic().duration - a.diagnostic().duration).slice(0, SHOWN);
    const lines = slowest.map(module => {
      const seconds = (module.diagnostic().duration / 1000).toFixed(1).padStart(7);
      return `${seconds} s  ${module.project.name.padEnd(9)}  ${module.relativeModuleId}`;
    });
    process.stdout.write(`\nThe ${SHOWN} slowest files:\n${lines.join('\n')}\n`);
  }
}
