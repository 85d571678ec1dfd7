import { useQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { entityQuery } from '~/api/queries';
import { GraphPanel } from '~/features/graph/GraphPanel';
import { graphSearch, parseGraph, type GraphState } from '~/features/graph/state';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState, Skeletons } from '~/ui/States';

export const Route = createFileRoute('/graph/$blueprint/$id')({
  validateSearch: (raw: Record<string, unknown>) => graphSearch(parseGraph(raw)),
  loader: ({ context, params }) =>
    context.queryClient.prefetchQuery(entityQuery(params.blueprint, params.id)),
  component: GraphPage,
});

function GraphPage() {
  const { blueprint, id } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const { data: entity, error, refetch } = useQuery(entityQuery(blueprint, id));
  const state = useMemo(() => parseGraph(search), [search]);
  const onState = useCallback(
    (part: Partial<GraphState>) =>
      void navigate({ search: (before) => graphSearch({ ...parseGraph(before), ...part }), replace: true }),
    [navigate],
  );
  const title = entity?.title || id;
  return (
    <div className="sph-page wide">
      <PageHeader
        title={tc.graph.title(title)}
        crumbs={[
          { label: t.catalog.title, link: { to: '/catalog' } },
          { label: blueprint, link: { to: '/catalog/$blueprint', params: { blueprint } } },
          { label: title, link: { to: '/e/$blueprint/$id', params: { blueprint, id } } },
          { label: tc.graph.tab },
        ]}
      />
      {entity ? (
        <GraphPanel entity={entity} state={state} onState={onState} full />
      ) : error ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <Skeletons />
      )}
    </div>
  );
}
