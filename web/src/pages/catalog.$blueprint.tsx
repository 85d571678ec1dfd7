import { useQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { blueprintQuery } from '~/api/queries';
import { CatalogList } from '~/features/catalog/CatalogList';
import { entitiesQuery } from '~/features/catalog/listQueries';
import { listSearch, parseList } from '~/features/catalog/listState';
import { t } from '~/strings';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState, Skeletons } from '~/ui/States';

export const Route = createFileRoute('/catalog/$blueprint')({
  validateSearch: (raw: Record<string, unknown>) => listSearch(parseList(raw)),
  loaderDeps: ({ search }) => ({
    q: search.q,
    filter: search.filter,
    sort: search.sort,
    group: search.group,
  }),
  loader: ({ context, params, deps }) => {
    if (!deps.group) void context.queryClient.prefetchInfiniteQuery(entitiesQuery(params.blueprint, deps));
    return context.queryClient.prefetchQuery(blueprintQuery(params.blueprint));
  },
  component: CatalogPage,
});

function CatalogPage() {
  const { blueprint: id } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const { data, error, refetch } = useQuery(blueprintQuery(id));
  if (data) {
    return (
      <CatalogList
        key={id}
        blueprint={data}
        search={search}
        onSearch={(next) => void navigate({ search: next, replace: true })}
      />
    );
  }
  return (
    <div className="sph-page">
      <PageHeader title={id} crumbs={[{ label: t.catalog.title, link: { to: '/catalog' } }]} />
      {error ? <ErrorState error={error} retry={() => void refetch()} /> : <Skeletons />}
    </div>
  );
}
