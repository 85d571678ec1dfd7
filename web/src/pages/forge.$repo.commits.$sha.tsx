import { createFileRoute } from '@tanstack/react-router';
import { CommitPage } from '~/features/forge/CommitPage';
import { commitQuery } from '~/features/forge/queries';

export const Route = createFileRoute('/forge/$repo/commits/$sha')({
  validateSearch: (raw: Record<string, unknown>): { view?: 'split' } => ({
    view: raw.view === 'split' ? 'split' : undefined,
  }),
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(commitQuery(params.repo, params.sha));
  },
  component: Page,
});

function Page() {
  const { repo, sha } = Route.useParams();
  const { view } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <CommitPage
      repo={repo}
      sha={sha}
      mode={view ?? 'unified'}
      onMode={(mode) =>
        void navigate({ search: { view: mode === 'split' ? mode : undefined }, replace: true })
      }
    />
  );
}
