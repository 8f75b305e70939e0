import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Loads the modules under test from a tree: this tree, or the tree of another commit. */
export async function loadSystem(tree: string) {
  const load = <M>(path: string): Promise<M> => import(pathToFileURL(join(tree, 'src', path)).href) as Promise<M>;
  return {
    ...(await load<typeof import('../../../src/providers/models.ts')>('providers/models.ts')),
    ...(await load<typeof import('../../../src/catalogue/provider.ts')>('catalogue/provider.ts')),
    ...(await load<typeof import('../../../src/base/secret.ts')>('base/secret.ts')),
    ...(await load<typeof import('../../../src/agent/child.ts')>('agent/child.ts')),
    ...(await load<typeof import('../../../src/agent/tools.ts')>('agent/tools.ts')),
    ...(await load<typeof import('../../../src/contract/checkpoint.ts')>('contract/checkpoint.ts')),
    ...(await load<typeof import('../../../src/contract/effect-call.ts')>('contract/effect-call.ts')),
    ...(await load<typeof import('../../../src/contract/failure.ts')>('contract/failure.ts')),
    ...(await load<typeof import('../../../src/contract/outcome.ts')>('contract/outcome.ts')),
    ...(await load<typeof import('../../../src/worker/classify.ts')>('worker/classify.ts')),
    ...(await load<typeof import('../../../src/worker/ending/outcome.ts')>('worker/ending/outcome.ts')),
    ...(await load<typeof import('../../../src/errors.ts')>('errors.ts')),
  };
}

/** The modules under test. */
export type System = Awaited<ReturnType<typeof loadSystem>>;
