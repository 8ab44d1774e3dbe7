import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import type { WorkflowTemplate } from '@actions/workflow-parser/model/workflow-template';

// The package imports JSON without saying so, which Node's loader refuses.
registerHooks({
  load(url, context, next) {
    if (!/^file:.*\.json$/.test(url)) return next(url, context);
    return { format: 'module', source: `export default ${readFileSync(new URL(url), 'utf8')}`, shortCircuit: true };
  },
});
const { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } = await import('@actions/workflow-parser');
const { ErrorPolicy } = await import('@actions/workflow-parser/model/convert');
const context = await import('@actions/workflow-parser/templates/template-context');
const { getWorkflowSchema } = await import('@actions/workflow-parser/workflows/workflow-schema');
const { FeatureFlags } = await import('@actions/expressions/features');

/** A workflow as GitHub's own parser reads it, and what it finds wrong. */
export async function parseAsGithub(
  text: string,
): Promise<{ readonly template: WorkflowTemplate | null; readonly errors: readonly string[] }> {
  const reading = new context.TemplateContext(
    new context.TemplateValidationErrors(),
    getWorkflowSchema(),
    new NoOperationTraceWriter(),
  );
  const featureFlags = new FeatureFlags({ all: true });
  reading.state['featureFlags'] = featureFlags;
  const parsed = parseWorkflow({ name: 'layer.yml', content: text }, reading);
  const options = { errorPolicy: ErrorPolicy.TryConversion, featureFlags };
  const template =
    parsed.value === undefined ? null : await convertWorkflowTemplate(parsed.context, parsed.value, undefined, options);
  return { template, errors: [...parsed.context.errors.getErrors()].map((error) => error.message) };
}
