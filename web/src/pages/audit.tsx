import { useInfiniteQuery } from '@tanstack/react-query';
import { createFileRoute, Link } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { auditQuery, type AuditFilter } from '~/api/queries';
import type { AuditEvent } from '~/api/types';
import { DetailButton } from '~/features/audit/DetailButton';
import { ObjectLink, Outcome, verbText } from '~/features/audit/EventLine';
import { plural } from '~/lib/format';
import { tw } from '~/strings/work';
import { When } from '~/ui/bits';
import { DataTable, type Column } from '~/ui/DataTable';
import { IconHistory } from '~/ui/icons';
import { ListToolbar, TextFilter } from '~/ui/ListToolbar';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, StaleNote } from '~/ui/States';

const text = (value: unknown) => (value === undefined || value === '' ? undefined : String(value));

export const Route = createFileRoute('/audit')({
  validateSearch: (raw: Record<string, unknown>): AuditFilter => ({
    object: text(raw.object),
    actor: text(raw.actor),
    verb: text(raw.verb),
    run: text(raw.run),
  }),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => {
    void context.queryClient.prefetchInfiniteQuery(auditQuery(deps));
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

function Audit() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const change = (part: AuditFilter) =>
    void navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  const query = useInfiniteQuery(auditQuery(search));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.events) ?? [], [query.data]);
  const { fetchNextPage } = query;
  const loadMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const loaded = `${plural(rows.length, 'entry', 'entries')}${query.hasNextPage ? '+' : ''}`;
  return (
    <div className="sph-page wide">
      <PageHeader title={tw.insights.auditTitle} description={tw.insights.auditDescription} />
      <ListToolbar total={query.isSuccess ? loaded : ''}>
        <TextFilter
          label={tw.insights.filterVerb}
          value={search.verb}
          onChange={(verb) => change({ verb })}
        />
        <TextFilter
          label={tw.insights.filterObject}
          value={search.object}
          onChange={(object) => change({ object })}
        />
        <TextFilter
          label={tw.insights.filterActor}
          value={search.actor}
          onChange={(actor) => change({ actor })}
        />
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
        onClearFilters={() =>
          change({ object: undefined, actor: undefined, verb: undefined, run: undefined })
        }
        empty={<EmptyState icon={<IconHistory size={28} />} title={tw.insights.noAudit} />}
      />
    </div>
  );
}
