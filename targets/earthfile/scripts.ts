import type { OutputFile } from '../../src/target.ts';
import { beside, inMachine } from './places.ts';

/** Collects the scripts of a document: what does not fit on a line of an Earthfile lies beside it. */
export class Scripts {
  private readonly collected: OutputFile[] = [];

  /** Adds a script for a target; gives the COPY that brings it into the machine, and its path there. */
  add(target: string, content: string): { readonly copy: string; readonly path: string } {
    const before = this.collected.filter(({ path }) => path.startsWith(`${beside}/${target}.`)).length;
    const name = `${target}.${before + 1}.sh`;
    this.collected.push({ path: `${beside}/${name}`, content, executable: false });
    return { copy: `COPY ${beside}/${name} ${inMachine.root}/${name}`, path: `${inMachine.root}/${name}` };
  }

  get files(): readonly OutputFile[] {
    return this.collected;
  }
}
