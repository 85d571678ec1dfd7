import type { Definition } from './document';

// Allowed values are edited as lines, "production #red": the fastest way to
// write many of them, and to paste them.

/** The values of a definition, one per line with their colours. */
export function enumText(definition: Definition): string {
  const colors = (definition.enumColors ?? {}) as Record<string, string>;
  const values = Array.isArray(definition.enum) ? definition.enum : [];
  return values
    .map((value) => `${value}${colors[String(value)] ? ` #${colors[String(value)]}` : ''}`)
    .join('\n');
}

/** The values and colours of a text; nothing when it has none. */
export function readEnum(
  text: string,
  numbers: boolean,
): { enum: (string | number)[] | undefined; enumColors: Record<string, string> | undefined } {
  const values: (string | number)[] = [];
  const colors: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^(.*?)(?:\s+#(\w+))?\s*$/.exec(line.trim());
    const value = match?.[1]?.trim();
    if (!value || (numbers && Number.isNaN(Number(value))) || values.map(String).includes(value)) continue;
    values.push(numbers ? Number(value) : value);
    if (match?.[2]) colors[value] = match[2];
  }
  if (values.length === 0) return { enum: undefined, enumColors: undefined };
  return { enum: values, enumColors: Object.keys(colors).length > 0 ? colors : undefined };
}
