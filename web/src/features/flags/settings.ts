import { tf } from '~/strings/flags';
import type { Flag } from './types';

export const permanentKinds = ['kill-switch', 'permission'];

/** What a flag is in every environment, as it is sent. */
export function settingsOf(flag: Flag) {
  const { title, description, type, variations, kind, permanent, lifetimeDays, owner, tags, clientVisible } =
    flag;
  return { title, description, type, variations, kind, permanent, lifetimeDays, owner, tags, clientVisible };
}

type Settings = ReturnType<typeof settingsOf>;

/** The same with values as they are typed. */
export type SettingsDraft = Omit<Settings, 'variations'> & {
  variations: { name: string; text: string; description?: string }[];
};

export function draftOf(flag: Flag): SettingsDraft {
  const settings = settingsOf(flag);
  return {
    ...settings,
    variations: settings.variations.map(({ name, value, description }) => ({
      name,
      text: typeof value === 'string' ? value : JSON.stringify(value),
      description,
    })),
  };
}

/** A flag as it begins: two variations, off. */
export function firstDraft(type: Settings['type']): SettingsDraft {
  const values: Record<Settings['type'], [string, string][]> = {
    boolean: [
      ['on', 'true'],
      ['off', 'false'],
    ],
    string: [
      ['new', ''],
      ['old', ''],
    ],
    number: [
      ['new', '1'],
      ['old', '0'],
    ],
    object: [
      ['new', '{}'],
      ['old', '{}'],
    ],
  };
  return {
    type,
    kind: 'release',
    permanent: false,
    clientVisible: false,
    title: '',
    description: '',
    owner: '',
    tags: [],
    lifetimeDays: 0,
    variations: values[type].map(([name, text]) => ({ name, text })),
  };
}

/** What is wrong with a typed value; undefined when it is one of the type. */
export function valueProblem(type: Settings['type'], text: string): string | undefined {
  if (type === 'number' && (text.trim() === '' || !Number.isFinite(Number(text)))) return tf.page.notNumber;
  if (type !== 'object') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value && typeof value === 'object' && !Array.isArray(value) ? undefined : tf.page.notObject;
  } catch {
    return tf.page.notObject;
  }
}

function valueOf(type: Settings['type'], text: string): unknown {
  if (type === 'string') return text;
  if (type === 'boolean') return text === 'true';
  return type === 'number' ? Number(text) : (JSON.parse(text) as unknown);
}

export function isValid(draft: SettingsDraft): boolean {
  const names = draft.variations.map(({ name }) => name.trim());
  return (
    names.every(Boolean) &&
    new Set(names).size === names.length &&
    draft.variations.every(({ text }) => valueProblem(draft.type, text) === undefined)
  );
}

/** The settings with values of their type. */
export function sentSettings(draft: SettingsDraft): Settings {
  return {
    ...draft,
    variations: draft.variations.map(({ name, text, description }) => ({
      name: name.trim(),
      value: valueOf(draft.type, text) as never,
      description,
    })),
  };
}
