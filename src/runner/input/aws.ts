import { readFileSync } from 'node:fs';
import { isSystemError } from './disk.ts';

/** What AWS link puts into the environment, the keys as secrets; or why the host has none. */
export type AwsCredentials =
  | {
      readonly found: true;
      readonly secrets: Readonly<Record<string, string>>;
      readonly variables: Readonly<Record<string, string>>;
    }
  | { readonly found: false; readonly why: string };

/**
 * The host's own credentials, in the order of AWS's tools: the environment, then the profile (AWS_PROFILE, else `default`) of the shared files.
 * Nothing is asked over the network and no program is started, so profiles that need it (SSO, roles, `credential_process`) are refused with a remedy.
 */
export function readAwsCredentials(given: {
  readonly region: string;
  readonly host: Readonly<Record<string, string | undefined>>;
}): AwsCredentials {
  const { region, host } = given;
  const variables = { AWS_REGION: region, AWS_DEFAULT_REGION: region };
  const keys = (id: string, secret: string, token: string | undefined): AwsCredentials => ({
    found: true,
    variables,
    secrets: {
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: secret,
      ...(token ? { AWS_SESSION_TOKEN: token } : {}),
    },
  });
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = host;
  if (id && secret) return keys(id, secret, host['AWS_SESSION_TOKEN']);

  const profile = host['AWS_PROFILE'] || host['AWS_DEFAULT_PROFILE'] || 'default';
  const home = host['HOME'] ?? '';
  const credentialsFile = host['AWS_SHARED_CREDENTIALS_FILE'] || `${home}/.aws/credentials`;
  const configFile = host['AWS_CONFIG_FILE'] || `${home}/.aws/config`;
  const stored = readProfile(credentialsFile, profile);
  const configured = readProfile(configFile, profile === 'default' ? 'default' : `profile ${profile}`);
  for (const section of [stored, configured]) {
    const keyId = section?.get('aws_access_key_id');
    const key = section?.get('aws_secret_access_key');
    if (keyId && key) return keys(keyId, key, section?.get('aws_session_token'));
  }
  const remedy = `run: eval "$(aws configure export-credentials --profile ${quoted(profile)} --format env)"`;
  if (stored !== null || configured !== null) {
    return { found: false, why: `AWS link: the profile ${profile} holds no keys of its own; ${remedy}` };
  }
  return {
    found: false,
    why: `AWS link: this host has no AWS credentials (neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor the profile ${profile} in ${credentialsFile}); run: aws configure`,
  };
}

/** A section of an INI file as AWS's tools read it; null where there is none. */
function readProfile(file: string, name: string): ReadonlyMap<string, string> | null {
  const text = readText(file);
  if (text === null) return null;
  let section: Map<string, string> | null = null;
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*(.*?)\s*\]/.exec(line)?.[1];
    if (header !== undefined) {
      inside = header.replace(/\s+/g, ' ').replaceAll('"', '') === name;
      if (inside) section ??= new Map();
      continue;
    }
    const equals = line.indexOf('=');
    if (!inside || equals < 0 || /^\s*[#;]/.test(line) || /^\s/.test(line)) continue;
    const value = line.slice(equals + 1).replace(/\s[#;].*$/, '');
    section?.set(line.slice(0, equals).trim().toLowerCase(), value.trim());
  }
  return section;
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

function quoted(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
