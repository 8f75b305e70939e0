import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Rooms whose tests start processes or wait for locks to lapse. */
const SLOW = /\/test\/(crash|end-to-end|app)\//;

/** Starts slow files first: one that is left for the end keeps one worker busy and the other idle. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification) => SLOW.test(moduleId);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    // Nets, and no measure: a busy machine may take a test thirty times as long.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Most tests wait for timers, locks or processes: four files at a time keep two cores busy.
    maxWorkers: 4,
    sequence: { sequencer: SlowFirst },
    expect: { poll: { timeout: 60_000 } },
  },
});
