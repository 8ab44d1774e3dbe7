import { driverAsked } from '../support/workshop.ts';
import { onMachines } from './rows.ts';
import { attributes } from './scenarios/attributes.ts';
import { language } from './scenarios/language.ts';
import { machine } from './scenarios/machine.ts';
import { memory } from './scenarios/memory.ts';
import { names } from './scenarios/names.ts';
import { reads } from './scenarios/reads.ts';
import { tools } from './scenarios/tools.ts';
import { writes } from './scenarios/writes.ts';
import { play } from './stage.ts';

play('what the kernel of a restored machine knows', memory, 'vm');

// LAYER_DRIVER=vm plays all of the table on virtual machines.
if (driverAsked() !== 'vm') {
  const table = [...names, ...reads, ...attributes, ...writes, ...machine, ...language, ...tools];
  const some = table.filter(({ name }) => onMachines.includes(name));
  play('a part of the table, on virtual machines', some, 'vm');
}
