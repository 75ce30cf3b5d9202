import { defineConfig } from 'vitest/config'

/** These replace modules, environment or console of their process, and so have one for each file. */
const alone = ['test/cli/**/*.test.ts', 'test/jepsen-style/docs.test.ts']

// Three projects. `unit` and `alone` run in parallel and meet no real time; `e2e` starts real
// processes and polls conditions with a deadline.
export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', ...alone],
          // Left alone, vitest keeps one core for itself: half of a small machine.
          maxWorkers: '100%',
          // A process for each file would load everything anew two hundred times.
          isolate: false,
          sequence: { groupOrder: 0 },
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: alone,
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
