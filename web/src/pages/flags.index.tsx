import { createFileRoute } from '@tanstack/react-router';
import { FlagsPage } from '~/features/flags/FlagsPage';
import { parseListState } from '~/features/flags/listState';

export const Route = createFileRoute('/flags/')({
  validateSearch: parseListState,
  component: Flags,
});

function Flags() {
  const state = Route.useSearch();
  const navigate = Route.useNavigate();
  return <FlagsPage state={state} onState={(search) => void navigate({ search, replace: true })} />;
}
