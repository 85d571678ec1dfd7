import { createFileRoute } from '@tanstack/react-router';
import { ApprovalPage } from '~/features/approvals/ApprovalPage';

export const Route = createFileRoute('/approvals/$id')({ component: Page });

function Page() {
  const { id } = Route.useParams();
  return <ApprovalPage key={id} id={id} />;
}
