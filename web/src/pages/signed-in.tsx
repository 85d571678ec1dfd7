import { Stack, Text, Title } from '@mantine/core';
import { createFileRoute } from '@tanstack/react-router';
import { useEffect } from 'react';
import { sayDone } from '~/features/signin/provider';
import { ts } from '~/strings/signin';
import { usePageTitle } from '~/ui/PageHeader';

export const Route = createFileRoute('/signed-in')({ component: SignedIn });

/** Where a provider's window ends that was opened over a page. */
function SignedIn() {
  usePageTitle(ts.signin.signedInTitle);
  useEffect(sayDone, []);
  return (
    <main className="sph-gate">
      <div className="sph-card sph-gate-card">
        <Stack gap="sm">
          <Title order={1}>{ts.signin.signedInTitle}</Title>
          <Text size="sm">{ts.signin.signedInText}</Text>
        </Stack>
      </div>
    </main>
  );
}
