import { ActionIcon, Button, Checkbox, Group, Popover, Stack, Text } from '@mantine/core';
import { tc } from '~/strings/catalog';
import { IconArrowDown, IconArrowUp, IconColumns3 } from '~/ui/icons';

type Choice = { id: string; title: string };

/** Which columns are shown, and in which order. */
export function ColumnChooser({
  all,
  shown,
  onChange,
}: {
  all: Choice[];
  shown: string[];
  onChange: (ids: string[] | undefined) => void;
}) {
  const byId = new Map(all.map((column) => [column.id, column]));
  const ordered = shown.flatMap((id) => byId.get(id) ?? []);
  const hidden = all.filter((column) => !shown.includes(column.id));
  const ids = ordered.map((column) => column.id);
  const move = (at: number, by: number) => {
    const next = [...ids];
    const [id] = next.splice(at, 1);
    next.splice(at + by, 0, id!);
    onChange(next);
  };
  return (
    <Popover position="bottom-end" trapFocus>
      <Popover.Target>
        <Button variant="default" size="sm" leftSection={<IconColumns3 size={16} aria-hidden />}>
          {tc.list.columns}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={tc.list.columns} mah={440} style={{ overflowY: 'auto' }}>
        <Stack gap={6} miw={240}>
          <Group justify="space-between">
            <Text size="xs" fw={600} className="sph-muted">
              {tc.list.shown}
            </Text>
            <Button size="compact-xs" variant="subtle" onClick={() => onChange(undefined)}>
              {tc.list.usual}
            </Button>
          </Group>
          {ordered.map((column, i) => (
            <Group key={column.id} gap={4} justify="space-between" wrap="nowrap">
              <Checkbox
                size="sm"
                label={column.title}
                checked
                onChange={() => onChange(ids.filter((id) => id !== column.id))}
              />
              <Group gap={0} wrap="nowrap">
                <ActionIcon
                  size={26}
                  variant="subtle"
                  color="gray"
                  disabled={i === 0}
                  aria-label={tc.list.up(column.title)}
                  onClick={() => move(i, -1)}
                >
                  <IconArrowUp size={14} />
                </ActionIcon>
                <ActionIcon
                  size={26}
                  variant="subtle"
                  color="gray"
                  disabled={i === ordered.length - 1}
                  aria-label={tc.list.down(column.title)}
                  onClick={() => move(i, 1)}
                >
                  <IconArrowDown size={14} />
                </ActionIcon>
              </Group>
            </Group>
          ))}
          {hidden.length > 0 && (
            <Text size="xs" fw={600} className="sph-muted" mt={6}>
              {tc.list.hidden}
            </Text>
          )}
          {hidden.map((column) => (
            <Checkbox
              key={column.id}
              size="sm"
              label={column.title}
              checked={false}
              onChange={() => onChange([...ids, column.id])}
            />
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
