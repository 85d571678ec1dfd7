import { createFileRoute } from '@tanstack/react-router';
import { heldQuery, sourcesQuery } from '~/features/sources/queries';
import { SourcesPage } from '~/features/sources/SourcesPage';

export const Route = createFileRoute('/sources')({
  loader: ({ context }) =>
    Promise.all([
      context.queryClient.prefetchQuery(sourcesQuery),
      context.queryClient.prefetchQuery(heldQuery),
    ]),
  component: SourcesPage,
});
