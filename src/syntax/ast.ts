import type { SourceFile, Span } from '../diagnostics/source.ts';

/**
 * The typed tree of one Layerfile. It is concrete: the leaves, in order, are the whole text, so that printing gives the file
 * back byte for byte. The typed fields of an instruction refer to the same leaves.
 */
export interface LayerfileAst {
  readonly kind: 'layerfile';
  readonly file: SourceFile;
  readonly lines: readonly LineAst[];
  readonly span: Span;
}

/** One logical line: a continued instruction is one line, with all its continuations and its line end. */
export type LineAst = BlankAst | CommentAst | InvalidAst | InstructionAst;

/** What a leaf is. `trivia` means nothing to the language: blanks, continuations, comments, line ends, a BOM. */
export type LeafKind =
  'keyword' | 'word' | 'text' | 'operator' | 'blank' | 'continuation' | 'comment' | 'end' | 'invalid';

/** A piece of the file's text. The leaves of all lines, joined, are the file. */
export interface Leaf {
  readonly kind: LeafKind;
  readonly text: string;
  readonly span: Span;
}

/** What every line of the tree has. `span` ends before the trailing trivia. */
interface LineBase {
  readonly leaves: readonly Leaf[];
  readonly span: Span;
}

/** An empty line. */
export interface BlankAst extends LineBase {
  readonly kind: 'blank';
}

/** A whole-line comment. */
export interface CommentAst extends LineBase {
  readonly kind: 'comment';
}

/** A line that is no instruction, with its continuations; reported once. `word` is its first word. */
export interface InvalidAst extends LineBase {
  readonly kind: 'invalid';
  readonly word: Word | null;
  /** The instruction that was probably meant, and said so in the report (`from` → `FROM`). */
  readonly meant: InstructionKind | null;
}

/** What every instruction has. `keyword` spans all its words (`RUN   BACKGROUND`). */
interface InstructionBase extends LineBase {
  readonly keyword: Span;
}

/** A part of a word. Inside single quotes nothing is expanded; the quotes themselves are no part of `text` and `span`. */
export interface WordPart {
  readonly quote: 'none' | 'single' | 'double';
  /** Continuations removed; backslashes as they stand. */
  readonly text: string;
  readonly span: Span;
}

/** A word: `value` is what it means, without quotes and continuations, nothing expanded. */
export interface Word {
  readonly value: string;
  readonly parts: readonly WordPart[];
  readonly span: Span;
}

/** The rest of a line: continuations and comment lines inside it are gone, blanks at both ends too; quotes stay. */
export interface Text {
  readonly value: string;
  readonly span: Span;
}

/**
 * Which machine or which other Layerfile this one starts from; the first instruction of every file.
 * @form FROM source
 * @example FROM vm/ubuntu:22.04
 */
export interface FromAst extends InstructionBase {
  readonly kind: 'from';
  readonly source: Text | null;
}

/**
 * Runs a command in bash; the Layerfile fails when it exits non-zero. Runs again when something it read has changed.
 * @form RUN command
 * @example RUN npm install
 */
export interface RunAst extends InstructionBase {
  readonly kind: 'run';
  readonly command: Text | null;
}

/**
 * Starts a command that stays up for the rest of the run; fails if it exits non-zero within 2 s.
 * @form RUN BACKGROUND command
 * @example RUN BACKGROUND npm start
 */
export interface RunBackgroundAst extends InstructionBase {
  readonly kind: 'runBackground';
  readonly command: Text | null;
}

/**
 * Runs a command on top of the state that the last run of this same step left behind.
 * @form RUN REPEATABLE command
 * @example RUN REPEATABLE docker build -t app .
 */
export interface RunRepeatableAst extends InstructionBase {
  readonly kind: 'runRepeatable';
  readonly command: Text | null;
}

/**
 * Puts files of the repository into the machine; costs nothing, and only what a later step reads counts.
 * @form COPY src… dest
 * @example COPY . .
 */
export interface CopyAst extends InstructionBase {
  readonly kind: 'copy';
  readonly words: readonly Word[];
}

/**
 * Puts files of another repository into the machine, from the run's branch where it exists there.
 * @form CLONE url [DEFAULT=branch] [src…] dest
 * @example CLONE https://github.com/my-org/library DEFAULT=main /library
 */
export interface CloneAst extends InstructionBase {
  readonly kind: 'clone';
  readonly words: readonly Word[];
}

/** A word of ENV: as bash will read it, quotes and all; continuations removed. */
export interface ShellWord {
  readonly value: string;
  readonly span: Span;
}

/**
 * Sets environment variables from here on; the machine's shell evaluates the values.
 * @form ENV k=v… | ENV k v
 * @example ENV PATH=$HOME/bin:$PATH
 */
export interface EnvAst extends InstructionBase {
  readonly kind: 'env';
  readonly words: readonly ShellWord[];
}

/**
 * Makes the steps from here on run again when one of these variables changes.
 * @form BUILD ENV name…
 * @example BUILD ENV GIT_BRANCH
 */
export interface BuildEnvAst extends InstructionBase {
  readonly kind: 'buildEnv';
  readonly names: readonly Word[];
}

/**
 * Puts secrets into the environment from here on.
 * @form SECRET ENV name…
 * @example SECRET ENV NPM_TOKEN
 */
export interface SecretEnvAst extends InstructionBase {
  readonly kind: 'secretEnv';
  readonly names: readonly Word[];
}

/**
 * Keeps files or directories of the machine from run to run.
 * @form CACHE path…
 * @example CACHE ~/.npm
 */
export interface CacheAst extends InstructionBase {
  readonly kind: 'cache';
  readonly paths: readonly Word[];
}

/**
 * Takes a snapshot here, gives it a name, or takes none until the next CHECKPOINT.
 * @form CHECKPOINT [name] | CHECKPOINT disabled
 * @example CHECKPOINT deploy
 */
export interface CheckpointAst extends InstructionBase {
  readonly kind: 'checkpoint';
  readonly words: readonly Word[];
}

/**
 * Duplicates the machine; each copy knows its number as SPLIT and their count as SPLIT_NUM.
 * @form SPLIT n | SPLIT UNORDERED n
 * @example SPLIT 5
 */
export interface SplitAst extends InstructionBase {
  readonly kind: 'split';
  /** The word UNORDERED, where it stands. */
  readonly unordered: Word | null;
  readonly words: readonly Word[];
}

/**
 * Goes on when the runs of these Layerfiles have succeeded.
 * @form WAIT layerfile…
 * @example WAIT /unit-tests /acceptance-tests
 */
export interface WaitAst extends InstructionBase {
  readonly kind: 'wait';
  readonly layerfiles: readonly Word[];
}

/**
 * Goes on when a person presses the button.
 * @form BUTTON message…
 * @example BUTTON deploy to production?
 */
export interface ButtonAst extends InstructionBase {
  readonly kind: 'button';
  readonly message: Text | null;
}

/**
 * Waits for a web server in the machine and makes it reachable, by path.
 * @form EXPOSE WEBSITE [http[s]://]localhost[:port] [path] [rewrite]
 * @example EXPOSE WEBSITE localhost:3000 /api
 */
export interface ExposeWebsiteAst extends InstructionBase {
  readonly kind: 'exposeWebsite';
  readonly words: readonly Word[];
}

/**
 * Waits for a TCP server in the machine and makes it reachable.
 * @form EXPOSE TCP [:]port [[:]port]
 * @example EXPOSE TCP 5432
 */
export interface ExposeTcpAst extends InstructionBase {
  readonly kind: 'exposeTcp';
  readonly words: readonly Word[];
}

/**
 * Names the Layerfile's runner and says how its checks are shown.
 * @form LABEL k=v…
 * @example LABEL display_name=unit-tests status=merge
 */
export interface LabelAst extends InstructionBase {
  readonly kind: 'label';
  readonly words: readonly Word[];
}

/**
 * How much memory the machine has at least; belongs at the top.
 * @form MEMORY n[K|M|G]
 * @example MEMORY 2G
 */
export interface MemoryAst extends InstructionBase {
  readonly kind: 'memory';
  readonly words: readonly Word[];
}

/**
 * Files of the machine that are sourced before every RUN from here on.
 * @form SETUP FILE path…
 * @example SETUP FILE setup.sh
 */
export interface SetupFileAst extends InstructionBase {
  readonly kind: 'setupFile';
  readonly paths: readonly Word[];
}

/** How a condition compares. */
export type ConditionOperator = '=' | '!=' | '=~' | '!=~';

/** One condition of SKIP REMAINING IF. A part that is missing (and reported) is null. */
export interface ConditionAst {
  readonly name: Word;
  readonly operator: { readonly value: ConditionOperator; readonly span: Span } | null;
  readonly value: Word | null;
  readonly span: Span;
}

/**
 * Skips the rest of this Layerfile when all conditions hold.
 * @form SKIP REMAINING IF cond [AND cond]…
 * @example SKIP REMAINING IF GIT_BRANCH!=~^(main|dev)$ AND REPOSITORY_NAME=web
 */
export interface SkipRemainingIfAst extends InstructionBase {
  readonly kind: 'skipRemainingIf';
  readonly conditions: readonly ConditionAst[];
}

/**
 * Runs the commands from here on as this user, created if missing.
 * @form USER name
 * @example USER www
 */
export interface UserAst extends InstructionBase {
  readonly kind: 'user';
  readonly words: readonly Word[];
}

/**
 * The directory that the commands from here on run in, created if missing.
 * @form WORKDIR dir
 * @example WORKDIR /app
 */
export interface WorkdirAst extends InstructionBase {
  readonly kind: 'workdir';
  readonly words: readonly Word[];
}

/**
 * Links the machine to AWS: credentials and region in the environment.
 * @form AWS command --name=value…
 * @example AWS link --region=us-east-1
 */
export interface AwsAst extends InstructionBase {
  readonly kind: 'aws';
  readonly words: readonly Word[];
}

export type InstructionAst =
  | FromAst
  | RunAst
  | RunBackgroundAst
  | RunRepeatableAst
  | CopyAst
  | CloneAst
  | EnvAst
  | BuildEnvAst
  | SecretEnvAst
  | CacheAst
  | CheckpointAst
  | SplitAst
  | WaitAst
  | ButtonAst
  | ExposeWebsiteAst
  | ExposeTcpAst
  | LabelAst
  | MemoryAst
  | SetupFileAst
  | SkipRemainingIfAst
  | UserAst
  | WorkdirAst
  | AwsAst;

export type InstructionKind = InstructionAst['kind'];
