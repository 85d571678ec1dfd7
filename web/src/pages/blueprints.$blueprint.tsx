import { useQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { blueprintQuery } from '~/api/queries';
import { BuilderPage } from '~/features/builder/BuilderPage';
import { builderTabs, type BuilderTab } from '~/features/builder/tabs';
import { tc } from '~/strings/catalog';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState, Skeletons } from '~/ui/States';

type Search = { tab?: BuilderTab };

export const Route = createFileRoute('/blueprints/$blueprint')({
  validateSearch: (raw: Record<string, unknown>): Search => ({
    tab: builderTabs.find((tab) => tab === raw.tab),
  }),
  component: Edit,
});

function Edit() {
  const { blueprint: bp } = Route.useParams();
  const { tab = 'properties' } = Route.useSearch();
  const navigate = Route.useNavigate();
  const { data, error, refetch, isPending } = useQuery(blueprintQuery(bp));
  if (isPending) return <Skeletons />;
  if (!data) {
    return (
      <div className="sph-page">
        <PageHeader title={tc.builder.edit(bp)} />
        <div className="sph-card">
          <ErrorState error={error} retry={() => void refetch()} />
        </div>
      </div>
    );
  }
  return (
    <BuilderPage
      key={bp}
      saved={data as unknown as Record<string, unknown>}
      entityCount={data.entityCount}
      tab={tab}
      onTab={(next) => void navigate({ search: { tab: next }, replace: true })}
    />
  );
}
