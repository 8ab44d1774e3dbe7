import { driverAsked } from '../support/workshop.ts';
import { attributes } from './scenarios/attributes.ts';
import { language } from './scenarios/language.ts';
import { machine } from './scenarios/machine.ts';
import { names } from './scenarios/names.ts';
import { reads } from './scenarios/reads.ts';
import { tools } from './scenarios/tools.ts';
import { writes } from './scenarios/writes.ts';
import { play } from './stage.ts';

/** LAYER_DRIVER=vm plays all of them on virtual machines, which takes long under emulation. */
const on = driverAsked();

play('names', names, on);
play('reads', reads, on);
play('attributes and links', attributes, on);
play('writes', writes, on);
play('state of the machine', machine, on);
play('instructions', language, on);
play('tools', tools, on);
