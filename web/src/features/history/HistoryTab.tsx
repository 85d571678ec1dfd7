import { Button, Checkbox, Group, Stack, Switch, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Blueprint, Entity, Version } from '~/api/types';
import { ChangeTable } from '~/features/entityForm/ChangeTable';
import { plural } from '~/lib/format';
import { splitEntity } from '~/lib/words';
import { tc } from '~/strings/catalog';
import { Pill, When, type Tone } from '~/ui/bits';
import { EntityLink } from '~/ui/EntityLink';
import { IconHistory } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { Actor } from './Actor';
import { AtMoment } from './AtMoment';
import { shownChanges } from './changes';
import { compareQuery, versionsQuery } from './queries';
import { UndoDialog } from './UndoDialog';

const tones: Record<string, Tone> = {
  create: 'ok',
  update: 'info',
  derive: 'mute',
  delete: 'bad',
  restore: 'ok',
};

type Props = {
  blueprint: Blueprint;
  entity: Entity;
  /** The moment that is looked at, and the versions that are compared. */
  at?: string;
  cmp?: string;
  onState: (state: { at?: string; cmp?: string }) => void;
};

/** Every state of an entity: what changed, at a moment, two compared, one undone. */
export function HistoryTab({ blueprint, entity, at, cmp, onState }: Props) {
  const { blueprint: bp, identifier: id } = entity;
  const query = useInfiniteQuery(versionsQuery(bp, id));
  const [derived, setDerived] = useState(false);
  const [undoing, setUndoing] = useState<Version>();
  const all = query.data?.pages.flatMap((page) => page.versions) ?? [];
  const versions = derived ? all : all.filter((version) => version.verb !== 'derive');
  const chosen = (cmp ?? '').split(',').filter(Boolean).map(Number);
  const toggle = (version: number) => {
    const next = chosen.includes(version)
      ? chosen.filter((each) => each !== version)
      : [...chosen, version].slice(-2);
    onState({ at, cmp: next.length > 0 ? next.join(',') : undefined });
  };
  if (query.isPending) return <Skeletons rows={8} />;
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  return (
    <Stack gap="md">
      <AtMoment
        blueprint={blueprint}
        entity={entity}
        versions={all}
        at={at}
        onAt={(next) => onState({ at: next, cmp })}
      />
      {chosen.length > 0 && (
        <Comparison blueprint={blueprint} entity={entity} chosen={[...chosen].sort((a, b) => a - b)} />
      )}
      <Section
        title={tc.history.title}
        description={tc.history.text}
        flush
        action={
          <Switch
            size="xs"
            label={tc.history.onlyDerived}
            checked={derived}
            onChange={(event) => setDerived(event.currentTarget.checked)}
          />
        }
      >
        {versions.length === 0 && <EmptyState icon={<IconHistory size={28} />} title={tc.history.none} />}
        {versions.map((version) => (
          <VersionRow
            key={version.id}
            blueprint={blueprint}
            version={version}
            newest={version.id === all[0]?.id}
            chosen={chosen.includes(version.version)}
            onChoose={() => toggle(version.version)}
            onUndo={() => setUndoing(version)}
          />
        ))}
        {query.hasNextPage && (
          <Group p="sm" justify="center">
            <Button
              variant="subtle"
              size="compact-sm"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              {tc.history.more}
            </Button>
          </Group>
        )}
      </Section>
      {undoing && (
        <UndoDialog
          blueprint={blueprint}
          entity={entity}
          version={undoing}
          onClose={() => setUndoing(undefined)}
        />
      )}
    </Stack>
  );
}

function VersionRow(props: {
  blueprint: Blueprint;
  version: Version;
  newest: boolean;
  chosen: boolean;
  onChoose: () => void;
  onUndo: () => void;
}) {
  const { blueprint, version, newest, chosen, onChoose, onUndo } = props;
  const changes = shownChanges(blueprint, version.changes);
  const [open, setOpen] = useState(newest && version.verb !== 'create');
  const cause = version.cause ? splitEntity(version.cause) : undefined;
  const canUndo = version.verb === 'update' && !version.earliest;
  return (
    <article style={{ padding: '10px 16px' }} aria-label={tc.history.version(version.version)}>
      <Group justify="space-between" gap="xs">
        <Group gap="sm">
          <Checkbox
            size="xs"
            checked={chosen}
            onChange={onChoose}
            aria-label={tc.history.compareWith(version.version)}
          />
          <Text size="sm" fw={600} className="num">
            {tc.history.version(version.version)}
          </Text>
          <Pill tone={tones[version.verb] ?? 'mute'}>{tc.history.verbs[version.verb] ?? version.verb}</Pill>
          <Text size="sm" className="sph-muted" component="div">
            <When at={version.at} /> · <Actor id={version.actor} />
            {version.datasource && ` ${tc.history.through(version.datasource)}`}
            {cause && (
              <>
                {' '}
                {tc.history.because('')}
                <EntityLink blueprint={cause.blueprint} id={cause.identifier} />
              </>
            )}
            {version.runId && (
              <>
                {' · '}
                <Link to="/runs/$id" params={{ id: version.runId }}>
                  {tc.history.run}
                </Link>
              </>
            )}
          </Text>
        </Group>
        <Group gap={4}>
          {changes.length > 0 && (
            <Button size="compact-sm" variant="subtle" aria-expanded={open} onClick={() => setOpen(!open)}>
              {tc.history.changed(plural(changes.length, 'field'))}
            </Button>
          )}
          {canUndo && (
            <Button
              size="compact-sm"
              variant="default"
              aria-label={tc.history.undoVersion(version.version)}
              onClick={onUndo}
            >
              {tc.history.undo}
            </Button>
          )}
        </Group>
      </Group>
      {version.earliest && (
        <Text size="xs" className="sph-muted" mt={4}>
          {tc.history.earliest}
        </Text>
      )}
      {open && changes.length > 0 && (
        <ChangeTable changes={changes} label={tc.history.version(version.version)} />
      )}
    </article>
  );
}

function Comparison({
  blueprint,
  entity,
  chosen,
}: {
  blueprint: Blueprint;
  entity: Entity;
  chosen: number[];
}) {
  const [from, to] = chosen;
  const query = useQuery({
    ...compareQuery(entity.blueprint, entity.identifier, from ?? 0, to ?? 0),
    enabled: to !== undefined,
  });
  const label =
    to === undefined
      ? tc.history.compare
      : tc.history.compareTitle(tc.history.version(from!), tc.history.version(to));
  const changes = query.data ? shownChanges(blueprint, query.data) : [];
  return (
    <Section title={label}>
      {to === undefined ? (
        <Text size="sm" className="sph-muted" py={6} aria-live="polite">
          {tc.history.chosen(1)}
        </Text>
      ) : query.isPending ? (
        <Skeletons rows={3} />
      ) : query.error ? (
        <ErrorState error={query.error} retry={() => void query.refetch()} />
      ) : changes.length === 0 ? (
        <Text size="sm" className="sph-muted" py={6}>
          {tc.history.same}
        </Text>
      ) : (
        <ChangeTable changes={changes} label={label} />
      )}
    </Section>
  );
}
