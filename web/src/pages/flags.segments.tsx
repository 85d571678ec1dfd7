import { createFileRoute } from '@tanstack/react-router';
import { SegmentsPage } from '~/features/flags/SegmentsPage';

export const Route = createFileRoute('/flags/segments')({
  validateSearch: (raw: Record<string, unknown>): { project?: string } => ({
    project: raw.project ? String(raw.project) : undefined,
  }),
  component: Segments,
});

function Segments() {
  const { project } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <SegmentsPage
      project={project}
      onProject={(next) => void navigate({ search: { project: next }, replace: true })}
    />
  );
}
