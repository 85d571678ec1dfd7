import { Button, Group } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { api } from '~/api/client';
import { ta } from '~/strings/access';
import { Note } from '~/ui/Note';
import { toastError } from '~/ui/toast';

/** Says on every page that an administrator looks at the portal as somebody else. */
export function ViewAsBanner({ name }: { name: string }) {
  const end = useMutation({
    mutationFn: () => api.delete('/v1/access/view-as', {}),
    onSuccess: () => window.location.reload(),
    onError: (reason) => toastError(reason),
  });
  return (
    <div style={{ marginBottom: 12 }}>
      <Note tone="warn" role="status">
        <Group justify="space-between" gap="xs">
          <span>{ta.viewing(name)}</span>
          <Button size="compact-sm" variant="default" loading={end.isPending} onClick={() => end.mutate()}>
            {ta.endView}
          </Button>
        </Group>
      </Note>
    </div>
  );
}
