import { ActionIcon, Code, Group, Popover, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Entity } from '~/api/types';
import type { Field } from '~/features/catalog/fields';
import { explainQuery, type Explanation } from '~/features/history/queries';
import { count } from '~/lib/format';
import { humanise } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { Fact, Facts } from '~/ui/bits';
import { EntityLink } from '~/ui/EntityLink';
import { IconRoute } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { ErrorState, Skeletons } from '~/ui/States';

/** Opens how a derived value comes about. */
export function Explain({ entity, field }: { entity: Entity; field: Field }) {
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} width={380} position="bottom-end" trapFocus withinPortal>
      <Popover.Target>
        <ActionIcon
          size={24}
          variant="subtle"
          color="gray"
          aria-label={tc.history.explain(field.title)}
          title={tc.history.explainTitle}
          aria-expanded={opened}
          onClick={() => setOpened((before) => !before)}
        >
          <IconRoute size={14} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown
        aria-label={tc.history.explain(field.title)}
        mah={440}
        style={{ overflowY: 'auto' }}
        tabIndex={0}
      >
        {opened && <Loaded entity={entity} field={field} />}
      </Popover.Dropdown>
    </Popover>
  );
}

function Loaded({ entity, field }: { entity: Entity; field: Field }) {
  const query = useQuery(explainQuery(entity.blueprint, entity.identifier, field.id));
  if (query.isPending) return <Skeletons rows={4} />;
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  return <Explained explanation={query.data} />;
}

const written = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
const headings: Record<string, string> = {
  mirror: tc.history.mirrorOf,
  calculation: tc.history.calculated,
  aggregation: tc.history.aggregated,
};

function Explained({ explanation }: { explanation: Explanation }) {
  const { kind, definition, inputs, hops, contributing, error, value } = explanation;
  const values = Object.entries(inputs ?? {});
  return (
    <Stack gap="sm">
      <div>
        <Text size="xs" fw={600} className="sph-muted">
          {headings[kind] ?? humanise(kind)}
        </Text>
        <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {typeof definition === 'string' ? definition : JSON.stringify(definition, null, 2)}
        </Code>
      </div>
      {error && (
        <Note tone="bad" title={tc.history.error}>
          {error}
        </Note>
      )}
      {(hops?.length ?? 0) > 0 && (
        <div>
          <Text size="xs" fw={600} className="sph-muted">
            {tc.history.steps}
          </Text>
          <ol style={{ margin: '4px 0', paddingLeft: 20 }}>
            {hops!.map((hop) => (
              <Text key={hop.relation} component="li" size="sm">
                {humanise(hop.relation)}: <Refs list={hop.entities ?? []} />
              </Text>
            ))}
          </ol>
        </div>
      )}
      {values.length > 0 && (
        <div>
          <Text size="xs" fw={600} className="sph-muted">
            {tc.history.inputs}
          </Text>
          <Facts>
            {values.map(([name, input]) => (
              <Fact key={name} name={<span className="mono">{name}</span>}>
                <span className="mono">{written(input)}</span>
              </Fact>
            ))}
          </Facts>
        </div>
      )}
      {(contributing?.length ?? 0) > 0 && (
        <div>
          <Text size="xs" fw={600} className="sph-muted">
            {tc.history.contributing(count(explanation.count))}
          </Text>
          <Text size="sm" component="div">
            <Refs list={contributing!} />
          </Text>
        </div>
      )}
      <Group gap={6}>
        <Text size="sm" fw={600}>
          {tc.history.value}
        </Text>
        <span className="mono">{written(value ?? null)}</span>
      </Group>
    </Stack>
  );
}

function Refs({ list }: { list: { blueprint: string; identifier: string; title: string }[] }) {
  if (list.length === 0) return <span className="sph-muted">{'–'}</span>;
  return list.map((ref, i) => (
    <span key={`${ref.blueprint}/${ref.identifier}`}>
      {i > 0 && ', '}
      <EntityLink blueprint={ref.blueprint} id={ref.identifier} title={ref.title} />
    </span>
  ));
}
