import { createFileRoute } from '@tanstack/react-router';
import { PullPage, type PullSearch } from '~/features/forge/PullPage';
import { pullQuery } from '~/features/forge/queries';

export const Route = createFileRoute('/forge/$repo/pulls/$number')({
  validateSearch: (raw: Record<string, unknown>): PullSearch => ({
    tab: raw.tab === 'commits' || raw.tab === 'files' ? raw.tab : undefined,
    view: raw.view === 'split' ? 'split' : undefined,
  }),
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(pullQuery(params.repo, Number(params.number)));
  },
  component: Page,
});

function Page() {
  const { repo, number } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <PullPage
      key={`${repo} ${number}`}
      repo={repo}
      number={Number(number)}
      search={search}
      go={(next) => void navigate({ search: next, replace: next.tab === search.tab })}
    />
  );
}
