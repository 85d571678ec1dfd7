import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useSuspenseQuery } from '@tanstack/react-query';
import { api } from '~/api/client';
import { meQuery } from '~/api/queries';
import { ts } from '~/strings/signin';
import { Fact, Facts } from '~/ui/bits';
import { Note } from '~/ui/Note';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';

export interface Asked {
  port?: number;
  state?: string;
  challenge?: string;
  name?: string;
  done?: string;
}

/** Sends the browser back to the command line, which waits on this computer. */
function comeBack({ port, state }: Asked, code?: string) {
  const query = new URLSearchParams({ state: state ?? '', ...(code ? { code } : {}) });
  window.location.replace(`http://127.0.0.1:${port}/?${query}`);
}

/** Asks whether a command line may act for the person; opening the page does nothing. */
export function AllowCommandLine({ asked }: { asked: Asked }) {
  if (asked.done) {
    const allowed = asked.done === 'allowed';
    return (
      <div className="sph-page narrow">
        <PageHeader
          title={allowed ? ts.cli.allowedTitle : ts.cli.refusedTitle}
          description={allowed ? ts.cli.allowedText : ts.cli.refusedText}
        />
      </div>
    );
  }
  if (
    !asked.port ||
    asked.port < 1024 ||
    asked.port > 65535 ||
    !asked.state ||
    !asked.challenge ||
    !asked.name
  ) {
    return (
      <div className="sph-page narrow">
        <PageHeader title={ts.cli.title} description={ts.cli.nothing} />
      </div>
    );
  }
  return <Question asked={asked} challenge={asked.challenge} name={asked.name} />;
}

function Question({ asked, challenge, name }: { asked: Asked; challenge: string; name: string }) {
  const { user } = useSuspenseQuery(meQuery).data;
  const allow = useMutation({
    mutationFn: () => api.post('/v1/auth/cli', {}, { challenge, name: ts.cli.tokenName(name) }),
    onSuccess: ({ code }) => comeBack(asked, code),
  });
  return (
    <div className="sph-page narrow">
      <PageHeader title={ts.cli.question(name)} />
      <Section title={ts.cli.what}>
        <Stack gap="md">
          <Facts>
            <Fact name={ts.cli.computer}>{name}</Fact>
            <Fact name={ts.cli.portal}>{window.location.host}</Fact>
            <Fact name={ts.cli.as}>
              {user.name} ({user.email})
            </Fact>
            <Fact name={ts.cli.may}>{ts.cli.mayText(user.roles.join(', '))}</Fact>
          </Facts>
          <Note tone="warn">{ts.cli.warning}</Note>
          {allow.error && (
            <Note tone="bad" role="alert">
              {allow.error.message}
            </Note>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => comeBack(asked)}>
              {ts.cli.refuse}
            </Button>
            <Button loading={allow.isPending || allow.isSuccess} onClick={() => allow.mutate()}>
              {ts.cli.allow}
            </Button>
          </Group>
          <Text size="xs" className="sph-muted">
            {ts.cli.later}
          </Text>
        </Stack>
      </Section>
    </div>
  );
}
