import { createFileRoute } from '@tanstack/react-router';
import { AllowCommandLine, type Asked } from '~/features/signin/AllowCommandLine';

const text = (v: unknown, form: RegExp) => (form.test(String(v ?? '')) ? String(v) : undefined);

// What sphera login asks with; see portal/cli_browser.go.
export const Route = createFileRoute('/cli')({
  validateSearch: (s: Record<string, unknown>): Asked => ({
    port: Number(text(s.port, /^\d{4,5}$/) ?? NaN) || undefined,
    state: text(s.state, /^[\w-]{43}$/),
    challenge: text(s.challenge, /^[\w-]{43}$/),
    name: text(s.name, /^[^\p{C}]{1,80}$/u),
    done: text(s.done, /^(allowed|refused)$/),
  }),
  component: function Page() {
    return <AllowCommandLine asked={Route.useSearch()} />;
  },
});
