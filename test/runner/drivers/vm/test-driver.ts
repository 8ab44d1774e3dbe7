import type { Driver } from '../../../../src/runner/driver.ts';
import { virtualMachines } from '../../../../src/world/drivers.ts';
import { testBases } from '../../../support/base-machine.ts';

/** The VM driver as the command line has it. */
export async function testDriver(warn: (message: string) => void = () => {}): Promise<{ readonly driver: Driver }> {
  const { driver } = await virtualMachines({ bases: testBases, path: process.env['PATH'] ?? '', warn });
  return { driver };
}
