import { Button, PasswordInput, Stack, Text, TextInput, Title, UnstyledButton } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { createFileRoute, useNavigate, useRouter } from '@tanstack/react-router';
import { lazy, Suspense, useRef, useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { statusQuery } from '~/api/queries';
import type { DemoUser } from '~/api/types';
import { isServerPath, safeNext } from '~/features/shell/next';
import { t } from '~/strings';
import { usePageTitle } from '~/ui/PageHeader';
import { Note } from '~/ui/Note';

// Most portals without a provider never load it.
const Providers = lazy(() =>
  import('~/features/signin/Providers').then((module) => ({ default: module.Providers })),
);

export const Route = createFileRoute('/login')({
  validateSearch: (s: Record<string, unknown>): { next?: string; failed?: string; ask?: string } => ({
    // The proxy of running services calls it returnTo.
    next: [s.next, s.returnTo].find((path) => typeof path === 'string'),
    // Why a provider's answer was refused, and that it must ask.
    failed: typeof s.failed === 'string' ? s.failed.slice(0, 300) : undefined,
    ask: s.ask === undefined ? undefined : '1',
  }),
  component: Login,
});

function Login() {
  usePageTitle(t.account.signIn);
  const { next, failed, ask } = Route.useSearch();
  const status = useQuery(statusQuery).data;
  const navigate = useNavigate();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const passwordField = useRef<HTMLInputElement>(null);
  const signIn = useMutation({
    mutationFn: () => api.post('/v1/auth/login', {}, { email, password }),
    onSuccess: async () => {
      queryClient.clear();
      const target = safeNext(next);
      if (isServerPath(target)) window.location.assign(target);
      else router.history.push(target);
    },
    onError: () => passwordField.current?.select(),
  });
  if (status?.setupNeeded) void navigate({ to: '/setup' });

  const fields = isApiError(signIn.error) ? signIn.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <main className="sph-gate">
      <div className="sph-card sph-gate-card">
        <Stack gap="md">
          <img src="/favicon.svg" width={36} height={36} alt="" />
          <Title order={1}>{t.account.signInTitle}</Title>
          {failed && !signIn.error && (
            <Note tone="bad" role="alert">
              {failed}
            </Note>
          )}
          {next && !failed && !signIn.error && (
            <Text size="sm" className="sph-muted">
              {t.account.signedOut}
            </Text>
          )}
          {signIn.error && Object.keys(fields).length === 0 && (
            <Note tone="bad" role="alert">
              {signIn.error.message}
            </Note>
          )}
          {status && (status.providers.length > 0 || !status.passwords) && (
            <Suspense>
              <Providers
                status={status}
                next={safeNext(next)}
                silent={next !== undefined && !failed && !ask}
              />
            </Suspense>
          )}
          {status?.passwords !== false && (
            <form onSubmit={submit}>
              <Stack gap="sm">
                <TextInput
                  label={t.account.email}
                  type="email"
                  name="email"
                  autoComplete="username"
                  required
                  withAsterisk={false}
                  value={email}
                  error={fields.email}
                  onChange={(event) => setEmail(event.currentTarget.value)}
                />
                <PasswordInput
                  ref={passwordField}
                  label={t.account.password}
                  name="password"
                  autoComplete="current-password"
                  required
                  withAsterisk={false}
                  value={password}
                  error={fields.password}
                  onChange={(event) => setPassword(event.currentTarget.value)}
                />
                <Button type="submit" loading={signIn.isPending} mt={4}>
                  {t.account.signIn}
                </Button>
              </Stack>
            </form>
          )}
        </Stack>
      </div>
      {status?.demo && status.demoUsers && (
        <DemoUsers
          users={status.demoUsers}
          onChoose={(user) => {
            setEmail(user.email);
            passwordField.current?.focus();
          }}
        />
      )}
    </main>
  );
}

function DemoUsers({ users, onChoose }: { users: DemoUser[]; onChoose: (user: DemoUser) => void }) {
  return (
    <section className="sph-card sph-gate-card" aria-labelledby="demo">
      <Title order={2} size="h3" id="demo">
        {t.account.demoTitle}
      </Title>
      <Text size="sm" className="sph-muted" mt={4} mb="xs">
        {t.account.demoText}
      </Text>
      <Stack gap={4}>
        {users.map((user) => (
          <UnstyledButton key={user.email} className="sph-choice" onClick={() => onChoose(user)}>
            <Text size="sm" fw={550}>
              {user.name}
            </Text>
            <Text size="xs" className="sph-muted">
              {user.email} · {user.roles.join(', ')}
            </Text>
          </UnstyledButton>
        ))}
      </Stack>
    </section>
  );
}
