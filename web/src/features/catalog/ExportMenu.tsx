import { Button, Menu } from '@mantine/core';
import { tc } from '~/strings/catalog';
import { IconChevronDown, IconDownload } from '~/ui/icons';

/** The rows of a list as a file; `address` makes the address of a format. */
export function ExportMenu({
  address,
  size = 'sm',
}: {
  address: (format: 'csv' | 'json') => string;
  size?: string;
}) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          variant="default"
          size={size}
          leftSection={<IconDownload size={16} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
        >
          {tc.list.exportAs}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={address('csv')} download>
          {tc.list.csv}
        </Menu.Item>
        <Menu.Item component="a" href={address('json')} download>
          {tc.list.json}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
