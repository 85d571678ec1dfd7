const acronyms: Record<string, string> = {
  api: 'API',
  apis: 'APIs',
  url: 'URL',
  id: 'ID',
  slo: 'SLO',
  ci: 'CI',
  sql: 'SQL',
};

/** "consumesApi" and "consumes_api" as people write it: "Consumes API". */
export function humanise(key: string): string {
  const words = key
    .replace(/^\$/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[\s_.-]+/)
    .filter(Boolean)
    .map((word) => acronyms[word.toLowerCase()] ?? word.toLowerCase());
  const first = words[0];
  if (!first) return key;
  words[0] = first.charAt(0).toUpperCase() + first.slice(1);
  return words.join(' ');
}

/** The first word of a name, to address a person. */
export function givenName(name: string): string {
  return name.split(/\s+/)[0] ?? name;
}

/** "orders/checkout" out of "Component/orders/checkout". */
export function splitEntity(ref: string): { blueprint: string; identifier: string } | undefined {
  const at = ref.indexOf('/');
  if (at <= 0 || at === ref.length - 1) return undefined;
  return { blueprint: ref.slice(0, at), identifier: ref.slice(at + 1) };
}
