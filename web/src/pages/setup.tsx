import { Button, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { t } from '~/strings';
import { usePageTitle } from '~/ui/PageHeader';
import { Note } from '~/ui/Note';

export const Route = createFileRoute('/setup')({
  validateSearch: (s: Record<string, unknown>): { token?: string } => ({
    token: s.token === undefined ? undefined : String(s.token),
  }),
  component: Setup,
});

function Setup() {
  usePageTitle(t.account.setupTitle);
  const search = Route.useSearch();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [token, setToken] = useState(search.token ?? '');
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const setup = useMutation({
    mutationFn: async () => {
      await api.post('/v1/setup', {}, { token, email, name, password });
      await api.post('/v1/auth/login', {}, { email, password });
    },
    onSuccess: async () => {
      queryClient.clear();
      await navigate({ to: '/' });
    },
  });
  const fields = isApiError(setup.error) ? setup.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setup.mutate();
  };
  return (
    <main className="sph-gate">
      <div className="sph-card sph-gate-card">
        <Stack gap="md">
          <img src="/favicon.svg" width={36} height={36} alt="" />
          <div>
            <Title order={1}>{t.account.setupTitle}</Title>
            <Text size="sm" className="sph-muted" mt={4}>
              {t.account.setupText}
            </Text>
          </div>
          {setup.error && Object.keys(fields).length === 0 && (
            <Note tone="bad" role="alert">
              {setup.error.message}
            </Note>
          )}
          <form onSubmit={submit}>
            <Stack gap="sm">
              <TextInput
                label={t.account.setupToken}
                description={t.account.setupTokenHelp}
                required
                withAsterisk={false}
                autoComplete="off"
                value={token}
                error={fields.token}
                onChange={(event) => setToken(event.currentTarget.value)}
              />
              <TextInput
                label={t.account.name}
                required
                withAsterisk={false}
                autoComplete="name"
                value={name}
                error={fields.name}
                onChange={(event) => setName(event.currentTarget.value)}
              />
              <TextInput
                label={t.account.email}
                type="email"
                required
                withAsterisk={false}
                autoComplete="username"
                value={email}
                error={fields.email}
                onChange={(event) => setEmail(event.currentTarget.value)}
              />
              <PasswordInput
                label={t.account.password}
                description={t.account.passwordHelp}
                required
                withAsterisk={false}
                autoComplete="new-password"
                value={password}
                error={fields.password}
                onChange={(event) => setPassword(event.currentTarget.value)}
              />
              <Button type="submit" loading={setup.isPending} mt={4}>
                {t.account.setupDone}
              </Button>
            </Stack>
          </form>
        </Stack>
      </div>
    </main>
  );
}
