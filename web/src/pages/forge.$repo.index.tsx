import { createFileRoute } from '@tanstack/react-router';
import { repositoryQuery } from '~/api/services';
import { RepositoryPage, type RepositorySearch } from '~/features/forge/RepositoryPage';

const text = (value: unknown) => (value === undefined || value === '' ? undefined : String(value));

export const Route = createFileRoute('/forge/$repo/')({
  validateSearch: (raw: Record<string, unknown>): RepositorySearch => ({
    tab: raw.tab === 'commits' || raw.tab === 'pulls' || raw.tab === 'rules' ? raw.tab : undefined,
    ref: text(raw.ref),
    path: text(raw.path),
    state: raw.state === 'merged' || raw.state === 'closed' ? raw.state : undefined,
  }),
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(repositoryQuery(params.repo));
  },
  component: Page,
});

function Page() {
  const { repo } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <RepositoryPage key={repo} repo={repo} search={search} go={(next) => void navigate({ search: next })} />
  );
}
