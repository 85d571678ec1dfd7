import { useMemo } from 'react';
import { DiffView } from '~/ui/DiffView';
import { diffLines, stableJson } from './lineDiff';

/** Two values as JSON, line by line. */
export function JsonDiff({ name, before, after }: { name: string; before: unknown; after: unknown }) {
  const files = useMemo(() => {
    const { patch, added, removed } = diffLines(stableJson(before), stableJson(after));
    return patch ? [{ path: name, verb: 'change', patch, added, removed }] : [];
  }, [name, before, after]);
  return files.length > 0 ? <DiffView files={files} anchors={false} /> : null;
}
