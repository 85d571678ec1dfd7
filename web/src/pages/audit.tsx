import { Group, NativeSelect, TextInput } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { createFileRoute, Link } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo } from 'react';
import type { AuditEvent } from '~/api/types';
import { ChainStatus } from '~/features/audit/ChainStatus';
import { DetailButton } from '~/features/audit/DetailButton';
import { ObjectLink, Outcome, verbText } from '~/features/audit/EventLine';
import { ExportMenu } from '~/features/audit/ExportMenu';
import { chainQuery, logQuery, type LogFilter } from '~/features/audit/queries';
import { plural } from '~/lib/format';
import { ta } from '~/strings/audit';
import { tw } from '~/strings/work';
import { When } from '~/ui/bits';
import { DataTable, type Column } from '~/ui/DataTable';
import { IconHistory } from '~/ui/icons';
import { ListToolbar, TextFilter } from '~/ui/ListToolbar';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, StaleNote } from '~/ui/States';

const text = (value: unknown) => (value === undefined || value === '' ? undefined : String(value));

const names = ['q', 'object', 'actor', 'verb', 'run', 'address', 'outcome', 'since', 'until'] as const;

export const Route = createFileRoute('/audit')({
  validateSearch: (raw: Record<string, unknown>): LogFilter =>
    Object.fromEntries(names.map((name) => [name, text(raw[name])])),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => {
    void context.queryClient.prefetchInfiniteQuery(logQuery(deps));
    void context.queryClient.prefetchQuery(chainQuery);
  },
  component: Audit,
});

const columns: Column<AuditEvent>[] = [
  {
    id: 'verb',
    title: tw.insights.verb,
    width: 200,
    cell: (event) => <DetailButton event={event}>{verbText(event.verb)}</DetailButton>,
  },
  {
    id: 'object',
    title: tw.insights.object,
    width: 260,
    cell: (event) => <ObjectLink object={event.object} />,
  },
  { id: 'actor', title: tw.insights.actor, width: 170, cell: (event) => event.actorName || event.actor },
  {
    id: 'outcome',
    title: tw.insights.outcome,
    width: 120,
    cell: (event) => <Outcome outcome={event.outcome} />,
  },
  {
    id: 'run',
    title: tw.insights.run,
    width: 110,
    cell: (event) =>
      event.runId ? (
        <Link to="/runs/$id" params={{ id: event.runId }} className="mono">
          {event.runId.slice(-8)}
        </Link>
      ) : (
        <span className="sph-muted">{'–'}</span>
      ),
  },
  { id: 'at', title: tw.insights.time, width: 130, cell: (event) => <When at={event.at} /> },
];

/** So many empty pages in a row are looked through by themselves. */
const lookBack = 20;

function Audit() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const change = (part: LogFilter) =>
    void navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  const query = useInfiniteQuery(logQuery(search));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.events) ?? [], [query.data]);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const loadMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  // A page can be short and have a next one: what is rare is looked for further back.
  const pages = query.data?.pages.length ?? 0;
  const looking = hasNextPage && rows.length < 25 && pages > 0 && pages < lookBack;
  useEffect(() => {
    if (looking && !isFetchingNextPage) void fetchNextPage();
  }, [looking, isFetchingNextPage, fetchNextPage]);
  const loaded = looking
    ? ta.log.searchedTo
    : `${plural(rows.length, 'entry', 'entries')}${hasNextPage ? '+' : ''}`;
  return (
    <div className="sph-page wide">
      <PageHeader title={tw.insights.auditTitle} description={tw.insights.auditDescription} />
      <ChainStatus />
      <ListToolbar total={query.isSuccess ? loaded : ''} view={<ExportMenu since={search.since} />}>
        <Filters search={search} change={change} />
      </ListToolbar>
      <StaleNote query={query} />
      <DataTable
        label={tw.insights.auditTitle}
        columns={columns}
        rows={rows}
        rowKey={(event) => String(event.seq)}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        hasMore={query.hasNextPage}
        loadingMore={query.isFetchingNextPage}
        onLoadMore={loadMore}
        filtered={Object.values(search).some(Boolean)}
        onClearFilters={() => void navigate({ search: {}, replace: true })}
        empty={<EmptyState icon={<IconHistory size={28} />} title={tw.insights.noAudit} />}
      />
    </div>
  );
}

function Filters({ search, change }: { search: LogFilter; change: (part: LogFilter) => void }) {
  return (
    <Group gap="xs" role="group" aria-label={ta.log.filtersOf}>
      <TextFilter label={ta.log.text} value={search.q} onChange={(q) => change({ q })} />
      <TextFilter label={ta.log.verb} value={search.verb} onChange={(verb) => change({ verb })} />
      <TextFilter label={ta.log.object} value={search.object} onChange={(object) => change({ object })} />
      <TextFilter label={ta.log.actor} value={search.actor} onChange={(actor) => change({ actor })} />
      <TextFilter label={ta.log.address} value={search.address} onChange={(address) => change({ address })} />
      <NativeSelect
        size="sm"
        w={{ base: '100%', sm: 170 }}
        aria-label={ta.log.outcome}
        value={search.outcome ?? ''}
        onChange={(event) => change({ outcome: event.currentTarget.value || undefined })}
        data={[
          { value: '', label: ta.log.anyOutcome },
          { value: 'success', label: tw.insights.outcomes.success ?? '' },
          { value: 'denied', label: tw.insights.outcomes.denied ?? '' },
          { value: 'failure', label: tw.insights.outcomes.failure ?? '' },
          { value: 'denied,failure', label: ta.log.notSuccess },
        ]}
      />
      <Moment label={ta.log.since} value={search.since} onChange={(since) => change({ since })} />
      <Moment label={ta.log.until} value={search.until} onChange={(until) => change({ until })} />
    </Group>
  );
}

function Moment({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  return (
    <TextInput
      type="datetime-local"
      size="sm"
      w={{ base: '100%', sm: 215 }}
      leftSection={<span className="sph-muted">{label}</span>}
      leftSectionWidth={52}
      aria-label={label}
      value={value ?? ''}
      onChange={(event) => onChange(event.currentTarget.value || undefined)}
    />
  );
}
