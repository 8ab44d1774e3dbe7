import type { ElkExtendedEdge, ElkNode, ElkPoint } from 'elkjs/lib/elk-api.js';
import stringWidth from 'string-width';
import type { Graph, GraphEdge, GraphNode } from './graph.ts';
import { passedColumns } from './length.ts';

/** Pixels. */
const titleSize = 14;
const detailSize = 11;
const lineHeight = 17;
const padding = { x: 14, y: 10 };
const margin = 16;
const legendHeight = 30;
const cornerRadius = 6;

/** Colours by what they are for. Plain values, since few viewers of pictures know custom properties. */
interface Palette {
  readonly page: string;
  readonly ink: string;
  readonly soft: string;
  readonly box: string;
  readonly line: string;
  readonly from: string;
  readonly wait: string;
}

const light: Palette = {
  page: '#ffffff',
  ink: '#1f2328',
  soft: '#59636e',
  box: '#f6f8fa',
  line: '#818b98',
  from: '#0969da',
  wait: '#9a6700',
};
const dark: Palette = {
  page: '#0d1117',
  ink: '#f0f6fc',
  soft: '#9198a1',
  box: '#151b23',
  line: '#656c76',
  from: '#4493f8',
  wait: '#d29922',
};

function coloured(palette: Palette): string {
  return [
    `.page { fill: ${palette.page}; }`,
    `.box { fill: ${palette.box}; stroke: ${palette.line}; }`,
    `.title { fill: ${palette.ink}; }`,
    `.detail { fill: ${palette.soft}; }`,
    `.from { stroke: ${palette.from}; }`,
    `.from-head { fill: ${palette.from}; }`,
    `.wait { stroke: ${palette.wait}; }`,
    `.wait-head { fill: ${palette.wait}; }`,
  ].join('\n');
}

const style = `
text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Helvetica, Arial, sans-serif; }
.title { font-size: ${titleSize}px; font-weight: 600; }
.detail { font-size: ${detailSize}px; }
.from, .wait { fill: none; stroke-width: 1.5; }
.wait { stroke-dasharray: 5 4; }
${coloured(light)}
@media (prefers-color-scheme: dark) {
${coloured(dark)}
}
`;

/** Columns that edges may pass until the layout is made with less care, and until it would take minutes (measured). */
const careful = 800;
const feasible = 4000;

/**
 * A graph as a picture, legible on light and dark pages. Laid out by the Eclipse Layout Kernel, from left to right.
 * Null where so many edges lead so far that nobody would wait for the picture, or find anything in it.
 */
export async function svg(graph: Graph): Promise<string | null> {
  const passed = passedColumns(graph);
  if (passed > feasible) return null;
  const { default: Elk } = await import('elkjs/lib/elk.bundled.js');
  const laidOut = await new Elk.default().layout({
    id: 'graph',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'RIGHT',
      'elk.edgeRouting': 'ORTHOGONAL',
      'elk.layered.spacing.nodeNodeBetweenLayers': '56',
      'elk.spacing.nodeNode': '24',
      'elk.spacing.edgeNode': '16',
      ...(passed > careful
        ? { 'elk.layered.thoroughness': '1' }
        : { 'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES' }),
    },
    children: graph.nodes.map((node) => ({ id: node.id, ...sizeOf(node) })),
    edges: graph.edges.map((edge, index) => ({ id: `e${index}`, sources: [edge.from], targets: [edge.to] })),
  });
  return draw(graph, laidOut);
}

function draw(graph: Graph, laidOut: ElkNode): string {
  const width = Math.ceil(Math.max(laidOut.width ?? 0, 200) + 2 * margin);
  const height = Math.ceil((laidOut.height ?? 0) + 2 * margin + legendHeight);
  const edgeOf = new Map(laidOut.edges?.map((edge) => [edge.id, edge]));
  const placeOf = new Map(laidOut.children?.map((node) => [node.id, node]));
  const paths = graph.edges.map((edge, index) => path(edge, edgeOf.get(`e${index}`)));
  const boxes = graph.nodes.map((node) => box(node, placeOf.get(node.id)));
  const title = `${graph.nodes.filter((node) => node.kind === 'layer').length} Layerfiles and what they start from and wait for`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${title}</title>`,
    `<style>${style}</style>`,
    `<defs>${arrowHead('from')}${arrowHead('wait')}</defs>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<g transform="translate(${margin} ${margin})">`,
    ...paths.filter((one) => one !== ''),
    ...boxes,
    '</g>',
    legend(height),
    '</svg>',
  ].join('\n')}\n`;
}

function sizeOf(node: GraphNode): { readonly width: number; readonly height: number } {
  const title = textWidth(node.title, titleSize) * 1.06;
  const details = node.details.map((detail) => textWidth(detail, detailSize));
  return {
    width: Math.ceil(Math.max(56, title, ...details) + 2 * padding.x),
    height: lineHeight * (1 + node.details.length) + 2 * padding.y - 4,
  };
}

/** About how wide a text is in a sans-serif typeface: no font is at hand to measure it with. */
function textWidth(text: string, size: number): number {
  return stringWidth(text) * size * 0.58;
}

function box(node: GraphNode, place: ElkNode | undefined): string {
  const [x, y] = [round(place?.x ?? 0), round(place?.y ?? 0)];
  const { width = 0, height = 0 } = place ?? {};
  const radius = node.kind === 'machine' ? height / 2 : cornerRadius;
  const centre = x + width / 2;
  const lines = [node.title, ...node.details].map((line, index) => {
    const baseline = y + padding.y + 11 + index * lineHeight;
    return `<text class="${index === 0 ? 'title' : 'detail'}" x="${centre}" y="${baseline}" text-anchor="middle">${escape(line)}</text>`;
  });
  return `<rect class="box" x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}"/>${lines.join('')}`;
}

function path(edge: GraphEdge, laidOut: ElkExtendedEdge | undefined): string {
  const section = laidOut?.sections?.[0];
  if (!section) return '';
  const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
  return `<path class="${edge.kind}" marker-end="url(#${edge.kind})" d="${rounded(points)}"/>`;
}

/** A line through points, its corners rounded. */
function rounded(points: readonly ElkPoint[]): string {
  return points
    .map((point, index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (!before) return `M${written(point)}`;
      if (!after) return `L${written(point)}`;
      return `L${written(towards(point, before))}Q${written(point)} ${written(towards(point, after))}`;
    })
    .join('');
}

function towards(from: ElkPoint, to: ElkPoint): ElkPoint {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const part = Math.min(cornerRadius, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

function written({ x, y }: ElkPoint): string {
  return `${round(x)} ${round(y)}`;
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

function arrowHead(kind: GraphEdge['kind']): string {
  return `<marker id="${kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="${kind}-head" d="M0 0L8 4L0 8z"/></marker>`;
}

function legend(height: number): string {
  const y = height - margin;
  const entry = (kind: GraphEdge['kind'], x: number, text: string) =>
    `<path class="${kind}" marker-end="url(#${kind})" d="M${x} ${y - 4}h32"/><text class="detail" x="${x + 40}" y="${y}">${text}</text>`;
  return `${entry('from', margin, 'FROM')}${entry('wait', margin + 100, 'WAIT')}`;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd');
}
