import type { Driver } from '../../../../src/runner/driver.ts';
import { virtualMachines } from '../../../../src/world/drivers.ts';
import { testBases } from '../../../support/base-machine.ts';

/** The VM driver as the command line has it; what it warns of is an error here. */
export function testDriver(): Promise<{ readonly driver: Driver }> {
  return virtualMachines({
    bases: testBases,
    path: process.env['PATH'] ?? '',
    warn: (message) => {
      throw new Error(message);
    },
  });
}
