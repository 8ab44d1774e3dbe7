import type { InstructionKind } from '../../syntax/ast.ts';

/** Keyword and form of each instruction, for messages. */
export const instructionForms: {
  readonly [K in InstructionKind]: { readonly keyword: string; readonly form: string };
} = {
  from: { keyword: 'FROM', form: 'FROM source' },
  run: { keyword: 'RUN', form: 'RUN command' },
  runBackground: { keyword: 'RUN BACKGROUND', form: 'RUN BACKGROUND command' },
  runRepeatable: { keyword: 'RUN REPEATABLE', form: 'RUN REPEATABLE command' },
  copy: { keyword: 'COPY', form: 'COPY src… dest' },
  clone: { keyword: 'CLONE', form: 'CLONE url [DEFAULT=branch] [src…] dest' },
  env: { keyword: 'ENV', form: 'ENV name=value…' },
  buildEnv: { keyword: 'BUILD ENV', form: 'BUILD ENV name…' },
  secretEnv: { keyword: 'SECRET ENV', form: 'SECRET ENV name…' },
  cache: { keyword: 'CACHE', form: 'CACHE path…' },
  checkpoint: { keyword: 'CHECKPOINT', form: 'CHECKPOINT [name]' },
  split: { keyword: 'SPLIT', form: 'SPLIT n or SPLIT UNORDERED n' },
  wait: { keyword: 'WAIT', form: 'WAIT layerfile…' },
  button: { keyword: 'BUTTON', form: 'BUTTON message…' },
  exposeWebsite: { keyword: 'EXPOSE WEBSITE', form: 'EXPOSE WEBSITE [http[s]://]localhost[:port] [path] [rewrite]' },
  exposeTcp: { keyword: 'EXPOSE TCP', form: 'EXPOSE TCP [:]port [[:]port]' },
  label: { keyword: 'LABEL', form: 'LABEL display_name=… status=merge|hidden' },
  memory: { keyword: 'MEMORY', form: 'MEMORY n[K|M|G]' },
  setupFile: { keyword: 'SETUP FILE', form: 'SETUP FILE path…' },
  skipRemainingIf: { keyword: 'SKIP REMAINING IF', form: 'SKIP REMAINING IF NAME=value [AND NAME=value]…' },
  user: { keyword: 'USER', form: 'USER name' },
  workdir: { keyword: 'WORKDIR', form: 'WORKDIR dir' },
  aws: { keyword: 'AWS', form: 'AWS link --region=<region>' },
};
