import * as core from '@actions/core';
import { endWith } from './process.ts';

/** What is left to do when the job ends. */
async function post(): Promise<number> {
  core.info(core.getState('written') === 'yes' ? 'nothing is left to be written' : 'nothing was written');
  return 0;
}

endWith(post);
