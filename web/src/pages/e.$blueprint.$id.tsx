import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef } from 'react';
import { blueprintQuery, entityQuery } from '~/api/queries';
import type { Blueprint, Entity } from '~/api/types';
import { Checks } from '~/features/entity/Checks';
import { Deployments } from '~/features/entity/Deployments';
import { EntityHeader } from '~/features/entity/EntityHeader';
import { EntityRuns } from '~/features/entity/EntityRuns';
import { Overview } from '~/features/entity/Overview';
import { RepositorySummary } from '~/features/entity/RepositorySummary';
import { parseTab, tabsFor, type Tab } from '~/features/entity/tabs';
import { GraphPanel } from '~/features/graph/GraphPanel';
import { graphSearch, parseGraph, type GraphSearch, type GraphState } from '~/features/graph/state';
import { rememberEntity } from '~/lib/recent';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { ButtonLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState, Skeletons } from '~/ui/States';

type Search = { tab?: Tab; env?: string; at?: string; cmp?: string } & GraphSearch;

const ServiceFlags = lazy(() =>
  import('~/features/flags/ServiceFlags').then((m) => ({ default: m.ServiceFlags })),
);
const Timeline = lazy(() => import('~/features/timeline/Timeline').then((m) => ({ default: m.Timeline })));
const AccessPanel = lazy(() =>
  import('~/features/access/AccessPanel').then((m) => ({ default: m.AccessPanel })),
);
const HistoryTab = lazy(() =>
  import('~/features/history/HistoryTab').then((m) => ({ default: m.HistoryTab })),
);

export const Route = createFileRoute('/e/$blueprint/$id')({
  validateSearch: (raw: Record<string, unknown>): Search => ({
    tab: parseTab(raw.tab),
    env: typeof raw.env === 'string' ? raw.env : undefined,
    at: raw.at === undefined || raw.at === '' ? undefined : String(raw.at),
    cmp: raw.cmp === undefined || raw.cmp === '' ? undefined : String(raw.cmp),
    ...graphSearch(parseGraph(raw)),
  }),
  loader: ({ context, params }) =>
    Promise.all([
      context.queryClient.prefetchQuery(blueprintQuery(params.blueprint)),
      context.queryClient.prefetchQuery(entityQuery(params.blueprint, params.id)),
    ]),
  component: EntityPage,
});

function EntityPage() {
  const { blueprint: bp, id } = Route.useParams();
  const blueprint = useQuery(blueprintQuery(bp));
  const entity = useQuery(entityQuery(bp, id));
  if (blueprint.data && entity.data) return <Loaded blueprint={blueprint.data} entity={entity.data} />;
  const error = entity.error ?? blueprint.error;
  return (
    <div className="sph-page">
      <PageHeader title={id} crumbs={[{ label: t.catalog.title, link: { to: '/catalog' } }]} />
      {error ? (
        <ErrorState
          error={error}
          retry={() => {
            void blueprint.refetch();
            void entity.refetch();
          }}
        />
      ) : (
        <Skeletons />
      )}
    </div>
  );
}

function Loaded({ blueprint, entity }: { blueprint: Blueprint; entity: Entity }) {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const { identifier, title, icon } = entity;
  useEffect(() => {
    rememberEntity({ blueprint: blueprint.identifier, identifier, title, icon: icon ?? blueprint.icon });
  }, [blueprint.identifier, blueprint.icon, identifier, title, icon]);
  const shown = tabsFor(entity);
  const tab = search.tab && shown.includes(search.tab) ? search.tab : 'overview';
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector('[data-active]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [tab]);
  const graphState = useMemo(() => parseGraph(search), [search]);
  const onGraph = useCallback(
    (part: Partial<GraphState>) =>
      void navigate({
        search: (before) => ({ tab: 'graph', ...graphSearch({ ...parseGraph(before), ...part }) }),
        replace: true,
      }),
    [navigate],
  );
  const go = (next: string | null) => void navigate({ search: { tab: parseTab(next) }, replace: true });

  return (
    <div className="sph-page">
      <EntityHeader blueprint={blueprint} entity={entity} />
      <Tabs value={tab} onChange={go} keepMounted={false}>
        <Tabs.List ref={list} className="sph-tabs" aria-label={t.entity.tabs(title || identifier)}>
          {shown.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {t.entity[each]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="overview" pt="md">
          <Overview blueprint={blueprint} entity={entity} onTab={go} />
        </Tabs.Panel>
        <Tabs.Panel value="graph" pt="md">
          <GraphPanel
            entity={entity}
            state={graphState}
            onState={onGraph}
            actions={
              <ButtonLink
                size="compact-sm"
                variant="default"
                to="/graph/$blueprint/$id"
                params={{ blueprint: entity.blueprint, id: identifier }}
                search={graphSearch(graphState)}
              >
                {tc.graph.fullPage}
              </ButtonLink>
            }
          />
        </Tabs.Panel>
        <Tabs.Panel value="runs" pt="md">
          <EntityRuns entity={`${entity.blueprint}/${identifier}`} />
        </Tabs.Panel>
        <Tabs.Panel value="deployments" pt="md">
          <Deployments
            service={identifier}
            environment={search.env}
            onEnvironment={(env) => void navigate({ search: { tab: 'deployments', env }, replace: true })}
          />
        </Tabs.Panel>
        <Tabs.Panel value="flags" pt="md">
          <Suspense fallback={<Skeletons />}>
            <ServiceFlags service={identifier} />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="checks" pt="md">
          <Checks service={identifier} />
        </Tabs.Panel>
        <Tabs.Panel value="repository" pt="md">
          <RepositorySummary blueprint={blueprint} entity={entity} />
        </Tabs.Panel>
        <Tabs.Panel value="history" pt="md">
          <Suspense fallback={<Skeletons />}>
            <HistoryTab
              blueprint={blueprint}
              entity={entity}
              at={search.at}
              cmp={search.cmp}
              onState={(state) => void navigate({ search: { tab: 'history', ...state }, replace: true })}
            />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="activity" pt="md">
          <Suspense fallback={<Skeletons />}>
            <Timeline blueprint={entity.blueprint} id={identifier} />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="access" pt="md">
          <Suspense fallback={<Skeletons />}>
            <AccessPanel thing={{ blueprint: entity.blueprint, id: identifier }} />
          </Suspense>
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}
