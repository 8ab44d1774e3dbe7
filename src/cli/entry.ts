// The first file that Node reads: nothing here may be newer than what an old Node can parse.
var wanted = 24;
var found = Number(process.versions.node.split('.')[0]);

if (found >= wanted) {
  import('node:module')
    .then(function (node) {
      keepCompiled(node);
      // Made of main.ts by the build.
      node.createRequire(import.meta.url)('./main.cjs');
    })
    .catch(function (problem) {
      console.error(problem);
      process.exitCode = 3;
    });
} else {
  runWithOwnNode();
}

/** Node keeps what it makes of these files, in the user's own cache directory, so that the next start is faster. */
function keepCompiled(node: { enableCompileCache?: (directory: string) => unknown }) {
  var cache = process.env.XDG_CACHE_HOME || (process.env.HOME && process.env.HOME + '/.cache');
  if (cache && node.enableCompileCache) node.enableCompileCache(cache + '/layer/compiled');
}

/** A clone of the project has a Node of its own beside it (its devDependency); elsewhere a person has to install one. */
function runWithOwnNode() {
  Promise.all([import('node:fs'), import('node:child_process'), import('node:url')]).then(function (modules) {
    var path = modules[2].fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
    if (!modules[0].existsSync(path)) {
      var here = 'this is Node ' + process.versions.node + ' (' + process.execPath + ')';
      console.error('layer needs Node ' + wanted + ' or newer; ' + here);
      process.exitCode = 3;
      return;
    }
    // The terminal signals both; the one that does the work decides what follows.
    process.on('SIGINT', function () {});
    var result = modules[1].spawnSync(path, process.argv.slice(1), { stdio: 'inherit' });
    process.exitCode = result.status === null ? 130 : result.status;
  });
}
