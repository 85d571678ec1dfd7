import { createFileRoute } from '@tanstack/react-router';
import { PoliciesPage } from '~/features/access/PoliciesPage';
import { policiesQuery } from '~/features/access/queries';

export const Route = createFileRoute('/policies')({
  loader: ({ context }) => context.queryClient.prefetchQuery(policiesQuery),
  component: PoliciesPage,
});
