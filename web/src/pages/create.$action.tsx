import { createFileRoute } from '@tanstack/react-router';
import { actionsQuery, meQuery, teamsQuery } from '~/api/queries';
import { CreateWizard } from '~/features/create/CreateWizard';
import type { WizardSearch } from '~/features/create/wizardSearch';
import { parseWizardSearch } from '~/features/create/wizardSearch';

export const Route = createFileRoute('/create/$action')({
  validateSearch: parseWizardSearch,
  loader: ({ context }) => {
    void context.queryClient.prefetchQuery(actionsQuery);
    void context.queryClient.prefetchQuery(teamsQuery);
    void context.queryClient.prefetchQuery(meQuery);
  },
  component: Page,
});

function Page() {
  const { action } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <CreateWizard
      key={action}
      actionId={action}
      search={search}
      go={(next: WizardSearch, options) =>
        void navigate({ search: next, replace: options?.replace ?? false })
      }
    />
  );
}
