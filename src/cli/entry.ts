// The first file that Node reads: nothing here may be newer than what an old Node can parse.
var wanted = 24;
var found = Number(process.versions.node.split('.')[0]);
if (found < wanted) {
  console.error(
    'layer needs Node ' + wanted + ' or newer; this is Node ' + process.versions.node + ' (' + process.execPath + ')',
  );
  process.exitCode = 3;
} else {
  import('./main.ts');
}
