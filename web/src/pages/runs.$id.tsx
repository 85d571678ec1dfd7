import { createFileRoute } from '@tanstack/react-router';
import { RunPage } from '~/features/run/RunPage';

/** `step` is the step the log is narrowed to; "" means all of a failed run. */
type Search = { step?: string };

export const Route = createFileRoute('/runs/$id')({
  validateSearch: (raw: Record<string, unknown>): Search => ({
    step: typeof raw.step === 'string' ? raw.step : undefined,
  }),
  component: Page,
});

function Page() {
  const { id } = Route.useParams();
  const { step } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <RunPage
      key={id}
      id={id}
      step={step}
      onStep={(next) =>
        void navigate({ search: { step: next ?? '' }, hash: true, replace: true, resetScroll: false })
      }
    />
  );
}
