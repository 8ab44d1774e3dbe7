import { describe, expect, test } from 'vitest';
import { layerIn } from '../../support/fake-host.ts';
import { scratch } from '../../support/scratch.ts';

const files = {
  'base/Layerfile': 'FROM vm/ubuntu:22.04\nRUN make\n',
  'db/Layerfile': 'FROM vm/debian:12\nRUN BACKGROUND postgres\nEXPOSE TCP 5432\n',
  'web/tests/Layerfile': 'FROM /base\nSPLIT 5\nRUN ./test.sh\n',
  'deploy/Layerfile': 'FROM /web/tests\nWAIT /web/tests /db\nBUTTON deploy?\nRUN ./deploy.sh\n',
};
const graph = (...typed: string[]) => layerIn(scratch(files), 'graph', ...typed);

describe('layer graph', () => {
  test('draws a Mermaid flowchart', async () => {
    const { code, out } = await graph();
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "flowchart LR
        n0(["vm/ubuntu:22.04"])
        n1["base<br>base/Layerfile"]
        n2(["vm/debian:12"])
        n3["db<br>db/Layerfile<br>EXPOSE"]
        n4["web-tests<br>web/tests/Layerfile<br>SPLIT 5"]
        n5["deploy<br>deploy/Layerfile<br>5 copies · BUTTON"]
        n0 --> n1
        n2 --> n3
        n1 --> n4
        n4 --> n5
        n4 -. WAIT .-> n5
        n3 -. WAIT .-> n5
      "
    `);
  });

  test('draws for Graphviz', async () => {
    expect((await graph('--format', 'dot')).out).toMatchInlineSnapshot(`
      "digraph layers {
        rankdir=LR;
        node [fontname="sans-serif"];
        edge [fontname="sans-serif"];
        "vm/ubuntu:22.04" [shape=ellipse, label="vm/ubuntu:22.04"];
        "base" [shape=box, label="base\\nbase/Layerfile"];
        "vm/debian:12" [shape=ellipse, label="vm/debian:12"];
        "db" [shape=box, label="db\\ndb/Layerfile\\nEXPOSE"];
        "web-tests" [shape=box, label="web-tests\\nweb/tests/Layerfile\\nSPLIT 5"];
        "deploy" [shape=box, label="deploy\\ndeploy/Layerfile\\n5 copies · BUTTON"];
        "vm/ubuntu:22.04" -> "base";
        "vm/debian:12" -> "db";
        "base" -> "web-tests";
        "web-tests" -> "deploy";
        "web-tests" -> "deploy" [style=dashed, label="WAIT"];
        "db" -> "deploy" [style=dashed, label="WAIT"];
      }
      "
    `);
  });

  test('draws a picture for light and dark pages, every box apart from every other', async () => {
    const { out } = await graph('--format', 'svg');
    expect(out).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+" viewBox="0 0 \d+ \d+"/,
    );
    expect(out).toContain('@media (prefers-color-scheme: dark)');
    expect(out.match(/<path class="from" marker-end/g)).toHaveLength(5);
    expect(out.match(/<path class="wait" marker-end/g)).toHaveLength(3);
    for (const text of ['vm/ubuntu:22.04', 'web-tests', 'SPLIT 5', '5 copies · BUTTON', 'EXPOSE'])
      expect(out).toContain(`>${text}<`);
    const boxes = [
      ...out.matchAll(/<rect class="box" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g),
    ].map((found) => found.slice(1).map(Number));
    expect(boxes).toHaveLength(6);
    for (const [index, [x = 0, y = 0, width = 0, height = 0]] of boxes.entries()) {
      for (const [left = 0, top = 0, otherWidth = 0, otherHeight = 0] of boxes.slice(index + 1)) {
        const apart = x + width <= left || left + otherWidth <= x || y + height <= top || top + otherHeight <= y;
        expect(apart).toBe(true);
      }
    }
  });

  test('prints the plan, and where its steps stand', async () => {
    const plan = JSON.parse((await graph('--format', 'json', 'web')).out);
    expect(plan.layers.map((layer: { id: string }) => layer.id)).toEqual(['base', 'web-tests']);
    const spans = JSON.parse((await graph('--format', 'spans', 'base')).out);
    expect(spans).toEqual({ base: ['base/Layerfile:1:1-1:21', 'base/Layerfile:2:1-2:9'] });
  });

  test('says when there is too much for a picture, and draws it for Graphviz', async () => {
    const many = Array.from({ length: 200 }, (_, index) => {
      const wait = index < 20 ? 'FROM vm/debian:12\n' : `FROM /d${index % 20}\nWAIT /d${index - 1}\n`;
      return [`d${index}/Layerfile`, `${wait}RUN make\n`] as const;
    });
    const root = scratch(Object.fromEntries(many));
    expect(await layerIn(root, 'graph', '--format', 'svg')).toEqual({
      code: 64,
      out: '',
      error: expect.stringContaining('200 Layerfiles are too tangled for a picture; name a part of them'),
    });
    expect(await layerIn(root, 'graph', '--format', 'dot')).toMatchObject({ code: 0 });
  });

  test('draws nothing that has errors, and says why', async () => {
    const root = scratch({ Layerfile: 'FROM vm/debian:12\nrun make\n' });
    const { code, out, error } = await layerIn(root, 'graph');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(error).toContain('--> Layerfile:2:1');
    expect(error).toContain('layer graph: 1 error; there is nothing to draw until the errors are mended');
  });
});
