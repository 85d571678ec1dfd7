/** Where a text stands, for the links in it. */
export type Place = { repo: string; ref: string; folder: string };

/** The folder of a path; "" is the root. */
export function folderOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at < 0 ? '' : path.slice(0, at);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The parts of a path with the path up to each, for breadcrumbs. */
export function partsOf(path: string): { name: string; path: string }[] {
  const names = path.split('/').filter(Boolean);
  return names.map((name, i) => ({ name, path: names.slice(0, i + 1).join('/') }));
}

/** The page of a file or folder in the portal. */
export function fileAddress(repo: string, ref: string, path: string): string {
  const query = new URLSearchParams({ ref, path });
  return `/forge/${encodeURIComponent(repo)}?${query}`;
}

/** A link inside a text of a repository: relative ones lead to the file in the portal. */
export function resolveLink(href: string | undefined, place: Place | undefined): string | undefined {
  if (!href || href.startsWith('#')) return undefined;
  if (/^[a-z][a-z0-9+.-]*:/i.test(href) || href.startsWith('//')) return href;
  if (!place) return href.startsWith('/') ? href : undefined;
  const [path = ''] = href.split(/[?#]/);
  const out: string[] = href.startsWith('/') ? [] : place.folder.split('/').filter(Boolean);
  for (const part of path.split('/')) {
    if (part === '..') out.pop();
    else if (part && part !== '.') out.push(safeDecode(part));
  }
  return fileAddress(place.repo, place.ref, out.join('/'));
}

function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Languages are not highlighted, but markdown can be shown as it is meant. */
export function isMarkdown(path: string): boolean {
  return /\.(md|markdown)$/i.test(path);
}

/** The readme among a folder's entries. */
export function readmeOf(entries: { name: string; kind: string; path: string }[]): string | undefined {
  return entries.find((entry) => entry.kind === 'file' && /^readme(\.(md|markdown|txt))?$/i.test(entry.name))
    ?.path;
}
