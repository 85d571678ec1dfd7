import { createFileRoute } from '@tanstack/react-router';
import { KeysPage } from '~/features/flags/KeysPage';

export const Route = createFileRoute('/flags/keys')({
  validateSearch: (raw: Record<string, unknown>): { project?: string } => ({
    project: raw.project ? String(raw.project) : undefined,
  }),
  component: Keys,
});

function Keys() {
  const { project } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <KeysPage
      project={project}
      onProject={(next) => void navigate({ search: { project: next }, replace: true })}
    />
  );
}
