import { Button, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { meQuery, statusQuery } from '~/api/queries';
import type { Me } from '~/api/types';
import type { Proof } from '~/lib/proof';
import { t } from '~/strings';
import { ts } from '~/strings/signin';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { signInInWindow } from './provider';

/** Asks to sign in again over the page, which stays as it is. */
export function SignInDialog({ proof }: { proof: Proof }) {
  const queryClient = useQueryClient();
  const [me] = useState(() => queryClient.getQueryData<Me>(meQuery.queryKey));
  const status = useQuery(statusQuery).data;
  const [password, setPassword] = useState('');
  const fresh = proof.reason === 'fresh';

  const finish = async () => {
    const now = await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
    if (me && now.user.id !== me.user.id) {
      window.location.assign('/');
      return;
    }
    proof.done(true);
    void queryClient.invalidateQueries();
  };
  const byPassword = useMutation({
    mutationFn: async () => {
      if (fresh) await api.post('/v1/auth/again', {}, { password });
      else await api.post('/v1/auth/login', {}, { email: me?.user.email ?? '', password });
    },
    onSuccess: finish,
  });
  const byProvider = useMutation({
    mutationFn: (id: string) => signInInWindow(id, fresh),
    onSuccess: finish,
  });
  const failed = byPassword.error ?? byProvider.error;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    byPassword.mutate();
  };
  return (
    <Dialog
      opened
      onClose={() => proof.done(false)}
      closeOnClickOutside={false}
      title={fresh ? ts.signin.freshTitle : ts.signin.endedTitle}
    >
      <Stack gap="md">
        <Text size="sm">{fresh ? ts.signin.freshText : ts.signin.endedText}</Text>
        {me && (
          <Text size="sm">
            <strong>{me.user.name}</strong> <span className="sph-muted">{me.user.email}</span>
          </Text>
        )}
        {failed && (
          <Note tone="bad" role="alert">
            {isApiError(failed) ? failed.message : ts.signin.blocked}
          </Note>
        )}
        {status?.providers.map((p) => (
          <Button
            key={p.id}
            variant={status.passwords ? 'default' : 'filled'}
            loading={byProvider.isPending && byProvider.variables === p.id}
            onClick={() => byProvider.mutate(p.id)}
          >
            {ts.signin.with(p.title)}
          </Button>
        ))}
        {byProvider.isPending && (
          <Text size="sm" role="status">
            {ts.signin.inWindow}
          </Text>
        )}
        {status?.passwords && (
          <form onSubmit={submit}>
            <Stack gap="sm">
              <PasswordInput
                data-autofocus
                label={t.account.password}
                name="password"
                autoComplete="current-password"
                required
                withAsterisk={false}
                value={password}
                onChange={(event) => setPassword(event.currentTarget.value)}
              />
              <Button type="submit" loading={byPassword.isPending}>
                {t.account.signIn}
              </Button>
            </Stack>
          </form>
        )}
        <Group justify="flex-end">
          <Button variant="subtle" onClick={() => proof.done(false)}>
            {fresh ? ts.signin.cancel : ts.signin.leave}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
