import { createFileRoute } from '@tanstack/react-router';
import { NewFlagPage } from '~/features/flags/NewFlagPage';

export const Route = createFileRoute('/flags/new')({
  validateSearch: (raw: Record<string, unknown>): { project?: string; key?: string } => ({
    project: raw.project ? String(raw.project) : undefined,
    key: raw.key ? String(raw.key) : undefined,
  }),
  component: NewFlag,
});

function NewFlag() {
  const { project, key } = Route.useSearch();
  return <NewFlagPage project={project} flagKey={key} />;
}
