import { defineConfig } from 'vitest/config'

// Two projects. `unit` runs in parallel and meets no real time; `e2e` starts real processes
// and polls conditions with a deadline.
export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          // Left alone, vitest keeps one core for itself: half of a small machine.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // These wait for processes more than they work: two fill two cores.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
