import { createFileRoute } from '@tanstack/react-router';
import { RulesPage } from '~/features/approvals/RulesPage';
import { rulesQuery } from '~/features/approvals/queries';

export const Route = createFileRoute('/approvals/rules')({
  loader: ({ context }) => context.queryClient.prefetchQuery(rulesQuery),
  component: RulesPage,
});
