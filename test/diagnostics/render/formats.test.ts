import { describe, expect, test } from 'vitest';
import { diagnostic, type Diagnostic } from '../../../src/diagnostics/diagnostic.ts';
import { renderGithub } from '../../../src/diagnostics/render/github.ts';
import { renderJson } from '../../../src/diagnostics/render/json.ts';
import { renderSarif } from '../../../src/diagnostics/render/sarif.ts';

const file = { path: 'a b/50%,x:y/Layerfile', text: 'FROM vm/debian:12\nRUM a\\\n  b\n' };
const word = { file, start: 18, end: 21 };
const lines = { file, start: 18, end: 29 };
const bad = diagnostic('syntax/unknown-instruction', word, { word: 'RUM', near: 'RUN' }, [
  { message: '100% sure\nor not', span: null },
  { message: 'the file begins here', span: { file, start: 0, end: 4 } },
]);
const nowhere: Diagnostic = { ...bad, severity: 'warning', span: null, notes: [] };

describe('renderGithub', () => {
  test('escapes properties and data', () => {
    expect(renderGithub(bad)).toBe(
      '::error file=a b/50%25%2Cx%3Ay/Layerfile,line=2,endLine=2,col=1,endColumn=4,title=syntax/unknown-instruction::' +
        'RUM is not an instruction; did you mean RUN?%0A100%25 sure%0Aor not%0A' +
        'the file begins here (a b/50%25,x:y/Layerfile:1:1)\n',
    );
  });

  test('gives no columns over several lines, and no place where there is none', () => {
    expect(renderGithub({ ...bad, span: lines, notes: [] })).toMatch(/^::error file=[^:]+,line=2,endLine=3,title=/);
    expect(renderGithub(nowhere)).toMatch(/^::warning title=syntax\/unknown-instruction::RUM/);
  });

  test('cannot be made to speak another command', () => {
    const hostile = { ...bad, message: 'x\r\n::set-env name=PATH::/tmp', notes: [] };
    expect(
      renderGithub(hostile)
        .trimEnd()
        .split(/[\r\n]/),
    ).toHaveLength(1);
  });
});

describe('renderJson', () => {
  test('counts lines and columns from 1, offsets from 0', () => {
    const document = JSON.parse(renderJson([bad, nowhere]));
    expect(document).toMatchObject({ version: 1, errors: 1, warnings: 1 });
    expect(document.diagnostics[0]).toMatchObject({
      code: 'syntax/unknown-instruction',
      severity: 'error',
      path: file.path,
      start: { offset: 18, line: 2, column: 1 },
      end: { offset: 21, line: 2, column: 4 },
      notes: [{ path: null }, { path: file.path, start: { line: 1, column: 1 } }],
    });
    expect(document.diagnostics[1]).toMatchObject({ path: null, start: null, end: null });
  });
});

describe('renderSarif', () => {
  test('is a log of one run whose results name their rules', () => {
    const log = JSON.parse(renderSarif([bad, nowhere], '1.2.3'));
    expect(log.version).toBe('2.1.0');
    const [run] = log.runs;
    expect(run.tool.driver).toMatchObject({ name: 'layer', semanticVersion: '1.2.3' });
    expect(run.tool.driver.rules).toHaveLength(1);
    const [rule] = run.tool.driver.rules;
    expect(rule.shortDescription.text).toBe('The line does not begin with an instruction of the language.');
    expect(rule.help.text).toContain('layer explain syntax/unknown-instruction');
    for (const result of run.results) {
      expect(run.tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId);
      expect(['error', 'warning', 'note']).toContain(result.level);
      expect(result.message.text).not.toBe('');
    }
    expect(run.results[0].locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'a%20b/50%25%2Cx%3Ay/Layerfile', uriBaseId: '%SRCROOT%' },
      region: { startLine: 2, startColumn: 1, endLine: 2, endColumn: 4 },
    });
    expect(run.results[0].relatedLocations).toMatchObject([{ id: 1, message: { text: 'the file begins here' } }]);
    expect(run.results[1].locations).toEqual([]);
  });

  test('holds no results where nothing was found', () => {
    expect(JSON.parse(renderSarif([], '1.2.3')).runs[0].results).toEqual([]);
  });
});
