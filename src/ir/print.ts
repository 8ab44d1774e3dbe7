import { positionAt } from '../diagnostics/source.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Plan } from './ir.ts';

/**
 * A plan as JSON text: the same plan, the same bytes. Spans are left out, so that moving lines about or editing comments changes
 * nothing; `printSpans` gives them apart.
 */
export function printPlan(plan: Plan): string {
  return `${layout(withoutSpans(plan), '')}\n`;
}

/** Where each layer's FROM and steps stand: `{"<layer>": ["web/Layerfile:1:1-1:21", …]}`, the FROM first. */
export function printSpans(plan: Plan): string {
  const spans = plan.layers.map((layer) => [
    layer.id,
    [layer.span, ...layer.steps.map((step) => step.span)].map(place),
  ]);
  return `${layout(Object.fromEntries(spans) as Json, '')}\n`;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const lineWidth = 110;

function place(span: Span): string {
  const start = positionAt(span.file, span.start);
  const end = positionAt(span.file, span.end);
  return `${span.file.path}:${start.line}:${start.column}-${end.line}:${end.column}`;
}

function withoutSpans(value: unknown): Json {
  if (Array.isArray(value)) return value.map(withoutSpans);
  if (typeof value !== 'object' || value === null) return value as Json;
  const fields = Object.entries(value).filter(([key]) => key !== 'span');
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutSpans(field)]));
}

/** What fits on a line stands on one. */
function layout(value: Json, indent: string): string {
  const flat = flatten(value);
  if (flat.length + indent.length <= lineWidth || typeof value !== 'object' || value === null) return flat;
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const items = Array.isArray(value)
    ? (value as readonly Json[]).map((item) => layout(item, inner))
    : Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}: ${layout(field, inner)}`);
  return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
}

function flatten(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(flatten).join(', ')}]`;
  const fields = Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}: ${flatten(field)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}
