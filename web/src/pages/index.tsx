import { createFileRoute } from '@tanstack/react-router';
import { homeQuery } from '~/api/queries';
import { HomePage } from '~/features/home/HomePage';

export const Route = createFileRoute('/')({
  loader: ({ context }) => context.queryClient.prefetchQuery(homeQuery),
  component: HomePage,
});
