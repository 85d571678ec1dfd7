import { Button, Menu } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { ta } from '~/strings/audit';
import { IconDownload } from '~/ui/icons';
import { toastError } from '~/ui/toast';
import { exportLog } from './queries';

/** Downloads the sealed log since the moment that the list begins at. */
export function ExportMenu({ since }: { since: string | undefined }) {
  const save = useMutation({
    mutationFn: async (format: 'jsonl' | 'ocsf') => {
      const address = URL.createObjectURL(await exportLog(format, since));
      const link = document.createElement('a');
      link.href = address;
      link.download = `audit.${format}.ndjson`;
      link.click();
      URL.revokeObjectURL(address);
    },
    onError: (error) => toastError(error, ta.log.exportFailed),
  });
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button
          variant="default"
          size="sm"
          loading={save.isPending}
          leftSection={<IconDownload size={16} aria-hidden />}
        >
          {ta.log.export}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => save.mutate('jsonl')}>{ta.log.exportJSONL}</Menu.Item>
        <Menu.Item onClick={() => save.mutate('ocsf')}>{ta.log.exportOCSF}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
