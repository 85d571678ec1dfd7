import { createFileRoute } from '@tanstack/react-router';
import { InOutPage } from '~/features/sources/InOutPage';

type Search = { tab?: string; id?: string };

export const Route = createFileRoute('/sources')({
  validateSearch: (raw: Record<string, unknown>): Search => ({
    tab: raw.tab ? String(raw.tab) : undefined,
    id: raw.id ? String(raw.id) : undefined,
  }),
  component: Page,
});

function Page() {
  const { tab, id } = Route.useSearch();
  const navigate = Route.useNavigate();
  return <InOutPage tab={tab} id={id} go={(search) => void navigate({ search })} />;
}
