import { createFileRoute } from '@tanstack/react-router';
import { ApiReference, type ApiSearch } from '~/features/apidocs/ApiReference';

export const Route = createFileRoute('/docs/api')({
  validateSearch: (raw: Record<string, unknown>): ApiSearch => ({
    q: raw.q === undefined || raw.q === '' ? undefined : String(raw.q),
    op: typeof raw.op === 'string' ? raw.op : undefined,
  }),
  loader: async ({ context }) => {
    const { openApiQuery } = await import('~/features/apidocs/openapi');
    await context.queryClient.prefetchQuery(openApiQuery);
  },
  component: Page,
});

function Page() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <ApiReference
      search={search}
      onSearch={(part) => void navigate({ search: (before) => ({ ...before, ...part }), replace: true })}
    />
  );
}
