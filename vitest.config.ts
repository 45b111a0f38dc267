import { defineConfig } from 'vitest/config';

// Three kinds of tests. Unit tests run side by side. Those that measure time or start many processes run one file after the
// other, so that they do not disturb each other on a small machine.
const slow = [
  'test/e2e/**/*.test.ts',
  'test/docker/**/*.test.ts',
  'test/load/**/*.test.ts',
  'test/platform/**/*.test.ts',
  'test/stack/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/docker/**/*.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...slow, 'test/bench/**'] } },
      {
        extends: true,
        test: {
          name: 'processes',
          include: slow,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
        },
      },
    ],
  },
});
