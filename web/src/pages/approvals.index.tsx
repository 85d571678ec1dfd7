import { createFileRoute } from '@tanstack/react-router';
import { ApprovalsPage } from '~/features/approvals/ApprovalsPage';

type Search = { view?: 'mine' | 'decided' };

export const Route = createFileRoute('/approvals/')({
  validateSearch: ({ view }: Record<string, unknown>): Search => ({
    view: view === 'mine' || view === 'decided' ? view : undefined,
  }),
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
