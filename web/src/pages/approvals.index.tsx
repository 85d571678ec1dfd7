import { createFileRoute } from '@tanstack/react-router';
import { ApprovalsPage } from '~/features/approvals/ApprovalsPage';
import { approvalsQuery, views, type View } from '~/features/approvals/queries';

type Search = { view?: View };

export const Route = createFileRoute('/approvals/')({
  validateSearch: (raw: Record<string, unknown>): Search => ({
    view: views.find((one) => one === raw.view),
  }),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => {
    void context.queryClient.prefetchInfiniteQuery(approvalsQuery(deps.view ?? 'waiting'));
  },
  component: Page,
});

function Page() {
  const { view } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <ApprovalsPage
      view={view ?? 'waiting'}
      onView={(next) =>
        void navigate({ search: { view: next === 'waiting' ? undefined : next }, replace: true })
      }
    />
  );
}
