import { List, Text } from '@mantine/core';
import { useMemo } from 'react';
import { diffLines } from '~/features/flags/lineDiff';
import { DiffView } from '~/ui/DiffView';
import type { ApprovalDetail } from './queries';

/** What would change besides runs: in words, and both texts line by line. */
export function Changes({ changes }: { changes: ApprovalDetail['changes'] }) {
  const files = useMemo(
    () =>
      changes
        .filter((one) => one.before !== one.after)
        .map((one) => ({
          path: one.name,
          verb: one.before ? 'change' : 'add',
          ...(one.before ? diffLines(one.before, one.after) : added(one.after)),
        })),
    [changes],
  );
  return (
    <>
      {changes.flatMap((one) =>
        one.words.length > 0
          ? [
              <List key={one.name} size="sm" mb="sm">
                {one.words.map((line) => (
                  <List.Item key={line}>
                    <Text size="sm" span style={{ overflowWrap: 'anywhere' }}>
                      {line}
                    </Text>
                  </List.Item>
                ))}
              </List>,
            ]
          : [],
      )}
      {files.length > 0 && <DiffView files={files} anchors={false} />}
    </>
  );
}

function added(text: string) {
  const lines = text.split('\n');
  return {
    patch: [`@@ -0,0 +1,${lines.length} @@`, ...lines.map((line) => `+${line}`)].join('\n'),
    added: lines.length,
    removed: 0,
  };
}
