import { Button, Checkbox, Select } from '@mantine/core';
import { useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import { meQuery, teamsQuery } from '~/api/queries';
import { ViewMenu } from '~/features/catalog/ViewMenu';
import { count, plural } from '~/lib/format';
import { tf } from '~/strings/flags';
import { Pill, When } from '~/ui/bits';
import { DataTable, type Column } from '~/ui/DataTable';
import { IconClock, IconFlag, IconPlus } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { ListToolbar, TextFilter } from '~/ui/ListToolbar';
import { EmptyState, StaleNote } from '~/ui/States';
import { EnvToggle, isProduction } from './EnvToggle';
import { ExportFlags } from './ExportFlags';
import css from './flags.module.css';
import { FlagsFrame } from './FlagsFrame';
import { isNarrowed, viewState, viewText, type ListState } from './listState';
import { environmentsQuery, flagsQuery, projectsQuery, totalsQuery } from './queries';
import { shortState } from './shares';
import { Sparkline } from './Sparkline';
import { idOf, type Flag, type Kind, type ListedState } from './types';

const BulkDialog = lazy(() => import('./BulkDialog').then((m) => ({ default: m.BulkDialog })));

type Bulk = 'on' | 'off' | 'archive' | 'tags' | 'owner';

const bulkLabels: Record<Bulk, string> = {
  on: tf.list.turnOn,
  off: tf.list.turnOff,
  archive: tf.list.bulkArchive,
  tags: tf.list.bulkTag,
  owner: tf.list.bulkOwner,
};

const viewsOf = { list: 'flags' } as const;

/** All flags over all services. */
export function FlagsPage({ state, onState }: { state: ListState; onState: (state: ListState) => void }) {
  const change = (part: Partial<ListState>) => onState({ ...state, ...part });
  const query = useInfiniteQuery(flagsQuery(state));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.flags) ?? [], [query.data]);
  const { fetchNextPage } = query;
  const loadMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const environments = useEnvironments(rows);
  const usage = useTotals(rows);
  const shownEnv = state.env;
  const columns = useMemo<Column<Flag>[]>(
    () => [
      {
        id: 'flag',
        title: tf.list.flag,
        width: 300,
        cell: (flag) => <FlagName flag={flag} env={shownEnv} />,
      },
      {
        id: 'evaluations',
        title: tf.list.evaluations,
        width: 160,
        cell: (flag) => <Evaluations flag={flag} totals={usage.get(idOf(flag))} />,
      },
      ...environments
        .filter((env) => !shownEnv || env.name === shownEnv)
        .map((env): Column<Flag> => ({
          id: `env-${env.name}`,
          title: env.name,
          width: 185,
          cell: (flag) => <EnvCell flag={flag} env={env.name} />,
        })),
      { id: 'project', title: tf.list.project, width: 120, cell: (flag) => flag.service },
      {
        id: 'owner',
        title: tf.list.owner,
        width: 110,
        cell: (flag) => flag.owner || <span className="sph-muted">{'–'}</span>,
      },
      { id: 'kind', title: tf.list.kind, width: 120, cell: (flag) => tf.list.kinds[flag.kind] ?? flag.kind },
      { id: 'changed', title: tf.list.changed, width: 120, cell: (flag) => <When at={lastChange(flag)} /> },
    ],
    [environments, usage, shownEnv],
  );
  const narrowed = isNarrowed(state);
  const [bulk, setBulk] = useState<{ what: Bulk; ids: string[] }>();
  return (
    <FlagsFrame
      title={tf.list.title}
      description={tf.list.description}
      wide
      actions={
        <ButtonLink to="/flags/new" leftSection={<IconPlus size={16} />}>
          {tf.list.newFlag}
        </ButtonLink>
      }
    >
      <ListToolbar
        total={query.isSuccess ? `${plural(rows.length, 'flag')}${query.hasNextPage ? '+' : ''}` : ''}
        view={
          <>
            <ViewMenu
              of={viewsOf}
              state={viewText(state)}
              current={state.view}
              onOpen={(view) => onState(view ? { ...viewState(view.state), view: view.id } : {})}
            />
            <ExportFlags state={state} />
          </>
        }
      >
        <Filters state={state} onChange={change} environments={environments.map(({ name }) => name)} />
      </ListToolbar>
      <StaleNote query={query} />
      <DataTable
        label={tf.list.title}
        columns={columns}
        rows={rows}
        rowKey={idOf}
        loading={query.isPending}
        error={query.error}
        onRetry={() => void query.refetch()}
        hasMore={query.hasNextPage}
        loadingMore={query.isFetchingNextPage}
        onLoadMore={loadMore}
        filtered={narrowed}
        onClearFilters={() => onState({ env: state.env })}
        reserve={310}
        selection={(ids) => (
          <>
            {(['on', 'off', 'archive', 'tags', 'owner'] as const).map((what) => (
              <Button key={what} size="compact-sm" variant="default" onClick={() => setBulk({ what, ids })}>
                {bulkLabels[what]}
              </Button>
            ))}
          </>
        )}
        empty={
          <EmptyState
            icon={<IconFlag size={32} />}
            title={tf.list.none}
            text={tf.list.noneText}
            action={<ButtonLink to="/flags/new">{tf.list.newFlag}</ButtonLink>}
            command="sphera flag create"
          />
        }
      />
      {bulk && (
        <Suspense>
          <BulkDialog
            what={bulk.what}
            environment={shownEnv}
            flags={rows.filter((flag) => bulk.ids.includes(idOf(flag)))}
            onClose={() => setBulk(undefined)}
          />
        </Suspense>
      )}
    </FlagsFrame>
  );
}

function lastChange(flag: Flag): string {
  const times = flag.environments.map((env) => env.updatedAt ?? '');
  return [flag.updatedAt, ...times].sort().at(-1) ?? flag.updatedAt;
}

/** The environments of the loaded flags, in the order a version travels. */
function useEnvironments(rows: Flag[]): { name: string; kind: string }[] {
  return useMemo(() => {
    const found = new Map<string, string>();
    for (const flag of rows) {
      for (const env of flag.environments) found.set(env.environment, env.kind);
    }
    return [...found].map(([name, kind]) => ({ name, kind }));
  }, [rows]);
}

type Total = { environment: string; count: number; hours?: number[] };

/** How often the loaded flags were evaluated, asked once for each project. */
function useTotals(rows: Flag[]): Map<string, Total[]> {
  const projects = useMemo(() => [...new Set(rows.map((flag) => flag.project))], [rows]);
  const results = useQueries({ queries: projects.map((project) => totalsQuery(project)) });
  const at = results.map((each) => each.dataUpdatedAt).join();
  return useMemo(() => {
    const byFlag = new Map<string, Total[]>();
    results.forEach((result, i) => {
      for (const total of result.data ?? []) {
        const id = `${projects[i]}/${total.flag}`;
        byFlag.set(id, [...(byFlag.get(id) ?? []), total]);
      }
    });
    return byFlag;
    // The results are another list with each render; their times tell when they changed.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [at, projects]);
}

function FlagName({ flag, env }: { flag: Flag; env?: string }) {
  return (
    <span className={css.name}>
      <Link
        to="/flags/$project/$key"
        params={{ project: flag.project, key: flag.key }}
        search={{ env }}
        title={flag.title || flag.description}
      >
        {flag.key}
      </Link>
      {flag.kind === 'kill-switch' && <Pill tone="bad">{tf.list.killSwitch}</Pill>}
      {flag.archivedAt && <Pill tone="mute">{tf.list.archivedPill}</Pill>}
      {flag.stale && <Pill tone="warn">{tf.list.stalePill}</Pill>}
    </span>
  );
}

function EnvCell({ flag, env }: { flag: Flag; env: string }) {
  const environment = flag.environments.find((each) => each.environment === env);
  if (!environment || flag.archivedAt) return <span className="sph-muted">{'–'}</span>;
  return (
    <span className={css.envCell}>
      <EnvToggle flag={flag} environment={environment} size="xs" />
      <span className={environment.on ? 'num' : 'sph-muted'} title={environment.summary}>
        {shortState(environment)}
      </span>
      {environment.proposal && <Pill tone="warn">{tf.list.waitsPill}</Pill>}
      {isProduction(environment) && environment.nextChange && (
        <IconClock size={14} role="img" aria-label={tf.list.nextChange} />
      )}
    </span>
  );
}

function Evaluations({ flag, totals }: { flag: Flag; totals?: Total[] }) {
  const total = totals?.reduce((sum, each) => sum + each.count, 0) ?? 0;
  if (total === 0) return <span className="sph-muted">{tf.list.noEvaluations}</span>;
  const hours = Array.from({ length: 24 }, (_, i) =>
    totals!.reduce((sum, each) => sum + (each.hours?.[i] ?? 0), 0),
  );
  return (
    <span className={css.name}>
      <Sparkline values={hours} label={tf.list.evaluationsOf(flag.key, count(total))} />
      <span className="num">{compact.format(total)}</span>
    </span>
  );
}
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

function Filters({
  state,
  onChange,
  environments,
}: {
  state: ListState;
  onChange: (part: Partial<ListState>) => void;
  environments: string[];
}) {
  const projects = useQuery(projectsQuery).data ?? [];
  const teams = useQuery(teamsQuery).data ?? [];
  const allEnvironments = useQuery(environmentsQuery).data ?? [];
  const mine = useQuery(meQuery).data?.user.teams ?? [];
  const common = { size: 'sm', clearable: true, clearButtonProps: { 'aria-label': tf.list.any } } as const;
  const named = (names: Record<string, string>) =>
    Object.entries(names).map(([value, label]) => ({ value, label }));
  return (
    <>
      <TextFilter label={tf.list.filter} value={state.q} onChange={(q) => onChange({ q })} />
      <Select
        {...common}
        w={{ base: 'calc(50% - 5px)', sm: 150 }}
        searchable
        aria-label={tf.list.project}
        placeholder={tf.list.project}
        data={projects.map((each) => ({ value: each.key, label: each.service }))}
        value={state.project ?? null}
        onChange={(value) => onChange({ project: value ?? undefined })}
      />
      <Select
        {...common}
        w={{ base: 'calc(50% - 5px)', sm: 140 }}
        aria-label={tf.list.environment}
        placeholder={tf.list.environment}
        data={[...new Set([...environments, ...allEnvironments, ...(state.env ? [state.env] : [])])]}
        value={state.env ?? null}
        onChange={(value) => onChange({ env: value ?? undefined })}
      />
      <Select
        {...common}
        w={{ base: 'calc(50% - 5px)', sm: 120 }}
        aria-label={tf.list.state}
        placeholder={tf.list.state}
        data={named(tf.list.states)}
        value={state.state ?? null}
        onChange={(value) => onChange({ state: (value as ListedState | null) ?? undefined })}
      />
      <Select
        {...common}
        w={{ base: 'calc(50% - 5px)', sm: 135 }}
        aria-label={tf.list.kind}
        placeholder={tf.list.kind}
        data={named(tf.list.kinds)}
        value={state.kind ?? null}
        onChange={(value) => onChange({ kind: (value as Kind | null) ?? undefined })}
      />
      <Select
        {...common}
        w={{ base: 'calc(50% - 5px)', sm: 150 }}
        searchable
        aria-label={tf.list.owner}
        placeholder={tf.list.owner}
        data={ownerChoices(
          teams.map((team) => team.name),
          mine,
          state.owner,
        )}
        value={state.owner ?? null}
        onChange={(value) => onChange({ owner: value ?? undefined })}
      />
      <TextFilter label={tf.list.tag} value={state.tag} onChange={(tag) => onChange({ tag })} />
      <Checkbox
        size="sm"
        className={css.check}
        label={tf.list.onlyStale}
        checked={state.stale ?? false}
        onChange={(event) => onChange({ stale: event.currentTarget.checked || undefined })}
      />
    </>
  );
}

/** One's own teams come first. */
export function ownerChoices(teams: string[], mine: string[], chosen?: string): string[] {
  const all = new Set([...mine, ...teams, ...(chosen ? [chosen] : [])]);
  return [...all];
}
