import type { Root, RunContext } from './context.ts';
import { rootInstance, rootParts, type RootFacts } from './key.ts';

/** What a chain starts from, on a base machine with this digest. */
export function rootOn(digest: string, { ports, chain }: Pick<RunContext, 'ports' | 'chain'>): Root {
  const facts: RootFacts = {
    baseDigest: digest,
    driver: ports.driver.name,
    driverFormat: ports.driver.format,
    architecture: ports.architecture,
    network: ports.network,
    memoryBytes: chain.memoryBytes,
    repository: ports.repository,
  };
  return { id: rootInstance(facts), parts: rootParts(facts) };
}
