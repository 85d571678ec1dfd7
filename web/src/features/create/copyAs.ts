import type { Action } from '~/api/types';
import { fieldsOf, inputOf, type Values } from './schema';

/** Quotes a word for a POSIX shell. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

// The command of each action that has one of its own, with what comes without a flag.
const commands: Record<string, { words: string; positional?: string }> = {
  create_service: { words: 'create service', positional: 'name' },
  deploy_service: { words: 'deploy' },
  revert_service: { words: 'revert' },
};

/** The command line that does the same; undefined for an action without a command. */
export function asCommand(action: Action, values: Values, entity?: string): string | undefined {
  const command = commands[action.identifier];
  if (!command) return undefined;
  const input = inputOf(action.input, values);
  const words = ['sphera', command.words];
  const first = command.positional ? input[command.positional] : entity;
  if (first) words.push(shellQuote(String(first)));
  for (const field of fieldsOf(action.input)) {
    const value = input[field.name];
    if (value === undefined || field.name === command.positional || value === field.default) continue;
    const flag = `--${field.name.replaceAll('_', '-')}`;
    if (field['x-secret']) words.push(flag, `"$${field.name.toUpperCase()}"`);
    else if (typeof value === 'boolean') words.push(`${flag}=${value}`);
    else words.push(flag, shellQuote(Array.isArray(value) ? value.join(',') : String(value)));
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
