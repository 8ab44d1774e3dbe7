import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** All that git goes by when it speaks about a repository, apart from its working tree: where the texts are the same, it would say the same. */
export interface GitState {
  /** For commit, branch, tags and configuration. */
  readonly history: string;
  /** For which files it knows and ignores. */
  readonly files: string;
  /** When any of it was last touched, in milliseconds since 1970. */
  readonly latestMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** With more tags than this that are files of their own, asking git is as quick. */
const mostLooseTags = 500;

/** Where one of these is, what is said below is not all that git reads: another working tree or repository, or a format that this does not know. */
const notPlain = [
  ...['commondir', 'config.worktree', 'reftable', 'refs/replace', 'info/grafts', 'info/sparse-checkout'],
  'objects/info/alternates',
];
const elsewhere = /^GIT_(CONFIG|DIR|WORK_TREE|INDEX|OBJECT|COMMON|NAMESPACE|ALTERNATE|CEILING|ATTR|SHALLOW|GRAFT)/;
/** Settings that lead git to other files. */
const farReaching = /include|excludesfile|worktree|extensions/i;
/** Variables that git heeds, or by which its configuration is found. */
const heeded = /^(GIT_.*|LC_.*|LANG.*|PATH|HOME|XDG_CONFIG_HOME|SUDO_UID)$/;

/** Looks at what git would look at in a plain repository whose working tree is `root`; null where it is not plain. Files are told apart by all of their stat. */
export function gitStateOf(root: string, environment: Environment): GitState | null {
  let latestMs = 0;
  const directory = join(root, '.git');
  const mark = (path: string): string => {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return '';
    latestMs = Math.max(latestMs, stats.mtimeMs, stats.ctimeMs);
    return [stats.dev, stats.ino, stats.mode, stats.uid, stats.size, stats.mtimeMs, stats.ctimeMs].join(' ');
  };
  /** Marks of a directory and all in it; false where that is too much. */
  const markTags = (path: string, marks: string[]): boolean => {
    const own = mark(path);
    marks.push(own);
    if (own === '') return true;
    return readdirSync(path, { withFileTypes: true }).every((entry) => {
      if (marks.length > mostLooseTags) return false;
      if (entry.isDirectory()) return markTags(join(path, entry.name), marks);
      return marks.push(entry.name, mark(join(path, entry.name))) > 0;
    });
  };
  try {
    if (!lstatSync(directory).isDirectory()) return null;
    if (notPlain.some((name) => statSync(join(directory, name), { throwIfNoEntry: false }) !== undefined)) return null;
    const variables = Object.entries(environment).filter(([name]) => heeded.test(name));
    if (variables.some(([name]) => elsewhere.test(name))) return null;

    const head = readFileSync(join(directory, 'HEAD'), 'utf8').trimEnd();
    const branch = head.startsWith('ref: ') ? head.slice('ref: '.length) : null;
    if (branch !== null && !/^refs\/heads\/[^\0]+$/.test(branch)) return null;
    const tip = branch === null ? head : textAt(join(directory, branch));
    if (tip.startsWith('ref:')) return null;
    const read = ['HEAD', branch ?? 'HEAD', 'packed-refs', 'shallow'];
    // A commit's short name is as long as tells it from others: those in packs, and single ones that begin alike.
    read.push('objects/pack', ...(/^[0-9a-f]{2}/.test(tip) ? [`objects/${tip.slice(0, 2)}`] : []));
    const tags: string[] = [];
    if (!markTags(join(directory, 'refs/tags'), tags)) return null;
    const own = outsideOf(environment);
    const configuration = [join(directory, 'config'), ...own.configuration];
    const texts = configuration.map(textAt);
    if (texts.some((text) => farReaching.test(text))) return null;
    const owners = [statSync(root).uid, statSync(directory).uid, process.geteuid?.() ?? 0];
    const common = [variables.sort(), owners, head, tip, texts, configuration.map(mark), mark(own.program)];
    return {
      history: JSON.stringify([common, read.map((name) => mark(join(directory, name))), tags]),
      files: JSON.stringify([
        common,
        ['index', 'info/exclude'].map((name) => mark(join(directory, name))),
        own.ignored.map(mark),
      ]),
      latestMs,
    };
  } catch {
    // Something is not there, or not of the kind that it is in a plain repository.
    return null;
  }
}

function textAt(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(path, 'utf8');
}

/** What git has outside of a repository: configuration of this person and of this host, what is ignored everywhere, and the program itself. */
function outsideOf({ HOME: home, XDG_CONFIG_HOME: config, PATH: path = '' }: Environment): {
  readonly configuration: readonly string[];
  readonly ignored: readonly string[];
  readonly program: string;
} {
  const places = [...(config ? [config] : []), ...(home ? [join(home, '.config')] : [])].map((one) => join(one, 'git'));
  const programs = path.split(delimiter).map((one) => join(one || '.', 'git'));
  const program = programs.find((one) => statSync(one, { throwIfNoEntry: false })?.isFile() === true) ?? '/usr/bin/git';
  return {
    configuration: [
      ...(home ? [join(home, '.gitconfig')] : []),
      ...places.map((one) => join(one, 'config')),
      '/etc/gitconfig',
      // A git that was installed elsewhere has its configuration there.
      join(dirname(program), '../etc/gitconfig'),
    ],
    ignored: places.map((one) => join(one, 'ignore')),
    program,
  };
}
