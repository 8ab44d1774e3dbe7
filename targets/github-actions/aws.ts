import type { AwsLink } from '../../src/ir/ir.ts';
import { uses } from './pins.ts';
import { plain, type WorkflowStep } from './workflow.ts';

/** Credentials of AWS for the steps behind it, by the token that says which workflow this is. */
export function credentialsOf({ title, region }: AwsLink): WorkflowStep {
  const link = { 'role-to-assume': '${{ vars.AWS_ROLE_ARN }}', 'aws-region': region };
  return { name: plain(title), ...uses('aws-actions/configure-aws-credentials'), with: link };
}
