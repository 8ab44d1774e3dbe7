import { attributes } from './scenarios/attributes.ts';
import { language } from './scenarios/language.ts';
import { machine } from './scenarios/machine.ts';
import { names } from './scenarios/names.ts';
import { reads } from './scenarios/reads.ts';
import { tools } from './scenarios/tools.ts';
import { writes } from './scenarios/writes.ts';
import { play } from './stage.ts';

play('names', names);
play('reads', reads);
play('attributes and links', attributes);
play('writes', writes);
play('state of the machine', machine);
play('instructions', language);
play('tools', tools);
