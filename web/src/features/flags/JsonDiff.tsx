import { Text } from '@mantine/core';
import { useMemo } from 'react';
import { tf } from '~/strings/flags';
import { DiffView } from '~/ui/DiffView';
import { diffLines, stableJson } from './lineDiff';

/** Two values as JSON, line by line. */
export function JsonDiff({ name, before, after }: { name: string; before: unknown; after: unknown }) {
  const files = useMemo(() => {
    const { patch, added, removed } = diffLines(stableJson(before), stableJson(after));
    return patch ? [{ path: name, verb: 'change', patch, added, removed }] : [];
  }, [name, before, after]);
  if (files.length > 0) return <DiffView files={files} anchors={false} />;
  return (
    <Text size="sm" className="sph-muted">
      {tf.editor.sameJson}
    </Text>
  );
}
