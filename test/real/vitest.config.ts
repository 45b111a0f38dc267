import { defineConfig } from 'vitest/config';

/** Tests against servers that `npm run test:real` installs; no part of `npm test`. */
export default defineConfig({
  test: {
    include: ['test/real/*.test.ts'],
    // Both measure times, on however few cores there are.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
