import { createCall } from './call.ts';
import { serve, surroundings } from './serve.ts';

const around = surroundings();
const call = await createCall(around);

async function run(goals: string[]): Promise<void> {
  const left = goals.values();
  const work = async () => {
    for (const goal of left) await call(goal);
  };
  await Promise.all(Array.from({ length: around.concurrency }, work));
}

serve('ready', { run });
