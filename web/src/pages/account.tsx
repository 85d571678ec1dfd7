import { SimpleGrid } from '@mantine/core';
import { useSuspenseQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { meQuery } from '~/api/queries';
import { Sessions } from '~/features/account/Sessions';
import { Tokens } from '~/features/account/Tokens';
import { ThemeChoice } from '~/features/shell/AccountMenu';
import { t } from '~/strings';
import { Fact, Facts } from '~/ui/bits';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';

export const Route = createFileRoute('/account')({ component: Account });

function Account() {
  const { user } = useSuspenseQuery(meQuery).data;
  return (
    <div className="sph-page narrow">
      <PageHeader title={t.account.title} description={user.email} />
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md">
        <Section title={t.account.you}>
          <Facts>
            <Fact name={t.account.name}>{user.name}</Fact>
            <Fact name={t.account.roles}>{user.roles.join(', ') || t.common.none}</Fact>
            <Fact name={t.account.teams}>{user.teams.join(', ') || t.common.none}</Fact>
          </Facts>
        </Section>
        <Section title={t.account.appearance}>
          <Facts>
            <Fact name={t.shell.theme}>
              <ThemeChoice />
            </Fact>
          </Facts>
        </Section>
      </SimpleGrid>
      <Tokens />
      <Sessions />
    </div>
  );
}
