import { createFileRoute } from '@tanstack/react-router';
import { NewPullPage, type NewPullSearch } from '~/features/forge/NewPullPage';

const text = (value: unknown) => (value === undefined || value === '' ? undefined : String(value));

export const Route = createFileRoute('/forge/$repo/pulls/new')({
  validateSearch: (raw: Record<string, unknown>): NewPullSearch => ({
    base: text(raw.base),
    head: text(raw.head),
  }),
  component: Page,
});

function Page() {
  const { repo } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <NewPullPage
      repo={repo}
      search={search}
      go={(next) => void navigate({ search: next, replace: true })}
      onOpened={(pull) =>
        void navigate({ to: '/forge/$repo/pulls/$number', params: { repo, number: String(pull.number) } })
      }
    />
  );
}
