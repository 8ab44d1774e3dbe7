import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ActionCall, ActionEnd } from './actions.ts';

/** GitHub's tokens of identity, and the service of AWS that gives credentials for them: both on loopback. */
export interface Identity extends AsyncDisposable {
  readonly address: string;
  /** What was asked for, in order. */
  readonly asked: readonly string[];
}

export interface Role {
  readonly arn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export async function startIdentity(role: Role): Promise<Identity> {
  const asked: string[] = [];
  const token = `token-for-${role.accessKeyId}`;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      asked.push(`${request.method} ${url.pathname}${url.search} ${body}`);
      if (url.pathname === '/token') {
        const right = url.searchParams.get('audience') === 'sts.amazonaws.com';
        response.writeHead(right ? 200 : 400).end(JSON.stringify({ value: token }));
        return;
      }
      const form = new URLSearchParams(body);
      const known =
        form.get('Action') === 'AssumeRoleWithWebIdentity' &&
        form.get('RoleArn') === role.arn &&
        form.get('WebIdentityToken') === token;
      if (!known) return void response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
      const { accessKeyId, secretAccessKey, sessionToken } = role;
      const fields = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken };
      const xml = Object.entries(fields).map(([name, value]) => `<${name}>${value}</${name}>`);
      response.writeHead(200).end(`<Credentials>${xml.join('')}</Credentials>`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As the action does it: a token of identity, which only a job with `id-token: write` gets, for credentials of a role. */
export async function configureAws({ with: given, world, permissions }: ActionCall): Promise<ActionEnd> {
  const region = given['aws-region'] ?? '';
  const role = given['role-to-assume'] ?? '';
  if (region === '') throw new Error('Input required and not supplied: aws-region');
  if (role === '') throw new Error('Could not load credentials from any providers');
  if (permissions['id-token'] !== 'write') throw new Error('Unable to get ACTIONS_ID_TOKEN_REQUEST_URL env variable');
  if (world.identity === null) throw new Error('nobody gives tokens of identity here');
  const { address } = world.identity;
  const { value } = (await (await fetch(`${address}/token?audience=sts.amazonaws.com`)).json()) as { value: string };
  const form = { Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: role, WebIdentityToken: value };
  const answer = await fetch(`${address}/`, { method: 'POST', body: new URLSearchParams(form).toString() });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Could not assume role with OIDC: ${text}`);
  const field = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(text)?.[1] ?? '';
  const secrets = {
    AWS_ACCESS_KEY_ID: field('AccessKeyId'),
    AWS_SECRET_ACCESS_KEY: field('SecretAccessKey'),
    AWS_SESSION_TOKEN: field('SessionToken'),
  };
  return {
    outputs: {},
    env: { AWS_REGION: region, AWS_DEFAULT_REGION: region, ...secrets },
    masks: Object.values(secrets),
  };
}
