// The first file that Node reads: nothing here may be newer than what an old Node can parse.
var wanted = 24;
var found = Number(process.versions.node.split('.')[0]);

if (found >= wanted) {
  import('node:module')
    .then(function (node) {
      // Made of boot.ts by the build.
      node.createRequire(import.meta.url)('./boot.cjs');
    })
    .catch(function (problem) {
      console.error(problem);
      process.exitCode = 3;
    });
} else {
  runWithOwnNode();
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
