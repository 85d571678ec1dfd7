import { SimpleGrid, Text, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { actionsQuery } from '~/api/queries';
import type { Action } from '~/api/types';
import { humanise } from '~/lib/words';
import { t } from '~/strings';
import { tw } from '~/strings/work';
import { Pill } from '~/ui/bits';
import { NamedIcon } from '~/ui/entityIcon';
import { IconBolt, IconSearch } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import css from './create.module.css';

/** Actions by group; what is used most comes first. */
export function groupActions(actions: Action[], filter: string): [string, Action[]][] {
  const needle = filter.trim().toLowerCase();
  const uses = (action: Action) => action.stats?.runs ?? 0;
  const groups = new Map<string, Action[]>();
  for (const action of actions) {
    if (!`${action.title} ${action.description} ${action.group}`.toLowerCase().includes(needle)) continue;
    const group = action.group || tw.create.other;
    groups.set(group, [...(groups.get(group) ?? []), action]);
  }
  const total = (list: Action[]) => list.reduce((n, action) => n + uses(action), 0);
  for (const list of groups.values()) list.sort((a, b) => uses(b) - uses(a));
  return [...groups].sort((a, b) => total(b[1]) - total(a[1]));
}

/** Everything that can be asked for. */
export function CreateHub({ q, onFilter }: { q: string; onFilter: (q: string) => void }) {
  const query = useQuery(actionsQuery);
  const groups = groupActions(query.data ?? [], q);
  return (
    <div className="sph-page">
      <PageHeader title={tw.create.title} description={tw.create.description} />
      {(query.data?.length ?? 0) > 6 && (
        <TextInput
          data-list-filter
          maw={320}
          aria-label={tw.create.filter}
          placeholder={tw.create.filter}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={q}
          onChange={(event) => onFilter(event.currentTarget.value)}
        />
      )}
      {query.isPending && <Skeletons />}
      {query.error && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data?.length === 0 && (
        <EmptyState icon={<IconBolt size={28} />} title={tw.create.none} text={tw.create.noneText} />
      )}
      {query.data && query.data.length > 0 && groups.length === 0 && (
        <EmptyState title={t.common.nothingMatches} text={t.common.nothingMatchesHint} />
      )}
      {groups.map(([group, actions]) => (
        <section key={group} aria-label={group}>
          <Title order={2} size="h3" mb="xs">
            {group}
          </Title>
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
            {actions.map((action) => (
              <ActionCard key={action.identifier} action={action} />
            ))}
          </SimpleGrid>
        </section>
      ))}
    </div>
  );
}

function ActionCard({ action }: { action: Action }) {
  const content = (
    <>
      <span className={css.cardHead}>
        <span className="sph-icon-tile">
          <NamedIcon name={action.icon} />
        </span>
        <Text fw={600} component="span">
          {action.title}
        </Text>
        {!action.allowed && <Pill tone="warn">{tw.create.notAllowed}</Pill>}
      </span>
      <Text size="sm" className="sph-muted" mt={8} lineClamp={3}>
        {action.description}
      </Text>
      {!action.allowed && action.reason && (
        <Text size="sm" mt={8}>
          {action.reason}
        </Text>
      )}
      <Text size="xs" className="sph-muted num" mt={10}>
        {facts(action).join(' · ')}
      </Text>
    </>
  );
  // A refused action stays visible, with the reason.
  if (!action.allowed) return <div className={`sph-card ${css.card} ${css.refused}`}>{content}</div>;
  return (
    <Link
      to="/create/$action"
      params={{ action: action.identifier }}
      className={`sph-card sph-card-link ${css.card}`}
    >
      {content}
    </Link>
  );
}

function facts(action: Action): string[] {
  const { stats } = action;
  const out: string[] = [];
  if (action.blueprint) out.push(tw.create.on(action.blueprint));
  if (stats && stats.runs > 0) {
    out.push(tw.create.stats(stats.medianMillis, stats.runs), tw.create.success(stats.successRate));
  } else {
    out.push(tw.create.neverRun);
  }
  const roles = action.roles ?? [];
  out.push(roles.length > 0 ? tw.create.forRoles(roles.map(humanise).join(', ')) : tw.create.forAll);
  return out;
}
