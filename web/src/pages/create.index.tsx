import { createFileRoute } from '@tanstack/react-router';
import { actionsQuery } from '~/api/queries';
import { CreateHub } from '~/features/create/CreateHub';

export const Route = createFileRoute('/create/')({
  validateSearch: (raw: Record<string, unknown>): { q?: string } => ({
    q: typeof raw.q === 'string' && raw.q ? raw.q : undefined,
  }),
  loader: ({ context }) => {
    void context.queryClient.prefetchQuery(actionsQuery);
  },
  component: Page,
});

function Page() {
  const { q } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <CreateHub
      q={q ?? ''}
      onFilter={(text) => void navigate({ search: { q: text || undefined }, replace: true })}
    />
  );
}
