import { Button, Divider, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { isApiError } from '~/api/errors';
import type { Status } from '~/api/types';
import { ts } from '~/strings/signin';
import { Note } from '~/ui/Note';
import { goToProvider, lastProvider } from './provider';

/**
 * The buttons of the providers. Somebody who came here because a session ended,
 * and signed in at a provider before, is signed in silently when the provider
 * still knows them.
 */
export function Providers({ status, next, silent }: { status: Status; next: string; silent: boolean }) {
  const go = useMutation({
    mutationFn: ({ id, quiet }: { id: string; quiet: boolean }) => goToProvider(id, next, quiet),
  });
  const tried = useRef(false);
  // As it was when the page opened: a click below remembers another.
  const [last] = useState(lastProvider);
  const known = status.providers.find((p) => p.id === last);
  const tryQuietly = silent && known !== undefined;
  const start = go.mutate;
  useEffect(() => {
    if (!tryQuietly || tried.current) return;
    tried.current = true;
    start({ id: known.id, quiet: true });
  }, [tryQuietly, known, start]);
  if (!status.passwords && status.providers.length === 0) return <Note tone="bad">{ts.signin.noWay}</Note>;
  return (
    <Stack gap="sm">
      {go.error && (
        <Note tone="bad" role="alert">
          {isApiError(go.error) ? go.error.message : String(go.error)}
        </Note>
      )}
      {go.isPending && go.variables.quiet && (
        <Text size="sm" role="status">
          {ts.signin.silently}
        </Text>
      )}
      {status.providers.map((p) => (
        <Button
          key={p.id}
          loading={go.isPending && !go.variables.quiet && go.variables.id === p.id}
          onClick={() => go.mutate({ id: p.id, quiet: false })}
        >
          {ts.signin.with(p.title)}
        </Button>
      ))}
      {status.passwords && status.providers.length > 0 && (
        <Divider label={ts.signin.or} labelPosition="center" />
      )}
    </Stack>
  );
}
