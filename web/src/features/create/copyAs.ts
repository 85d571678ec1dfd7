import type { Action } from '~/api/types';
import { fieldsOf, inputOf, type Values } from './schema';

/** Quotes a word for a POSIX shell. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

type Command = { words: string; positional?: string; flags: Record<string, string> };

// The actions with a command of their own; all others are started by `action run`.
const commands: Record<string, Command> = {
  create_service: {
    words: 'create service',
    positional: 'name',
    flags: { team: 'team', system: 'system', template: 'template', description: 'description' },
  },
  deploy_service: { words: 'deploy', flags: { environment: 'environment', ref: 'ref' } },
  revert_service: { words: 'revert', flags: { environment: 'environment', version: 'to' } },
};

/** The command line that does the same. Secrets are taken from variables of the shell. */
export function asCommand(action: Action, values: Values, entity?: string): string {
  const command = commands[action.identifier];
  const input = inputOf(action.input, values);
  const words = ['sphera'];
  if (command) {
    words.push(command.words);
    const first = command.positional ? input[command.positional] : entity;
    if (first) words.push(shellQuote(String(first)));
  } else {
    words.push('action run', shellQuote(action.identifier));
    if (entity) words.push('--entity', shellQuote(entity));
  }
  for (const field of fieldsOf(action.input)) {
    const value = input[field.name];
    if (value === undefined || field.name === command?.positional) continue;
    const usual = JSON.stringify(value) === JSON.stringify(field.default);
    if (usual && !field.required) continue;
    const text = Array.isArray(value) ? value.join(',') : String(value);
    const flag = command?.flags[field.name];
    if (field['x-secret']) words.push('--input', `${field.name}="$${field.name.toUpperCase()}"`);
    else if (flag) words.push(`--${flag}`, shellQuote(text));
    else words.push('--input', shellQuote(`${field.name}=${text}`));
  }
  words.push('--wait');
  return words.join(' ');
}

/** The two API calls that do the same. Secrets are left for the reader to fill in. */
export function asCurl(action: Action, values: Values, origin: string, entity?: string): string {
  const input = inputOf(action.input, values);
  for (const field of fieldsOf(action.input)) {
    if (field['x-secret'] && input[field.name] !== undefined) input[field.name] = 'FILL_IN';
  }
  const body = JSON.stringify(entity ? { input, entity } : { input });
  const base = `${origin}/v1/actions/${encodeURIComponent(action.identifier)}`;
  const auth = '-H "Authorization: Bearer $SPHERA_TOKEN" -H "Content-Type: application/json"';
  return [
    `# 1. See the plan. The answer holds plan.id.`,
    `curl -sS ${auth} -d ${shellQuote(body)} ${shellQuote(`${base}/plans`)}`,
    `# 2. Do it.`,
    `curl -sS ${auth} -d '{"planId":"PLAN_ID"}' ${shellQuote(`${base}/runs`)}`,
  ].join('\n');
}
