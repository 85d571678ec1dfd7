import { createFileRoute } from '@tanstack/react-router';
import { FlagPage, type FlagSearch } from '~/features/flags/FlagPage';
import { parseFlagTab } from '~/features/flags/flagTabs';

export const Route = createFileRoute('/flags/$project/$key')({
  validateSearch: (raw: Record<string, unknown>): FlagSearch => ({
    env: raw.env === undefined || raw.env === '' ? undefined : String(raw.env),
    tab: parseFlagTab(raw.tab),
  }),
  component: OneFlag,
});

function OneFlag() {
  const { project, key } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <FlagPage
      key={`${project}/${key}`}
      project={project}
      flagKey={key}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true })}
    />
  );
}
