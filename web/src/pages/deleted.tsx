import { createFileRoute } from '@tanstack/react-router';
import { DeletedPage } from '~/features/history/DeletedPage';

export const Route = createFileRoute('/deleted')({
  validateSearch: (raw: Record<string, unknown>): { blueprint?: string } => ({
    blueprint: typeof raw.blueprint === 'string' && raw.blueprint ? raw.blueprint : undefined,
  }),
  component: Deleted,
});

function Deleted() {
  const { blueprint } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <DeletedPage
      blueprint={blueprint}
      onBlueprint={(next) => void navigate({ search: { blueprint: next }, replace: true })}
    />
  );
}
