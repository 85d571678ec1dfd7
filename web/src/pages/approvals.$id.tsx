import { createFileRoute } from '@tanstack/react-router';
import { ApprovalPage } from '~/features/approvals/ApprovalPage';
import { approvalQuery } from '~/features/approvals/queries';

export const Route = createFileRoute('/approvals/$id')({
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(approvalQuery(params.id));
  },
  component: Page,
});

function Page() {
  const { id } = Route.useParams();
  return <ApprovalPage key={id} id={id} />;
}
