import { Button, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue, useDisclosure } from '@mantine/hooks';
import { useInfiniteQuery, useSuspenseQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { meQuery } from '~/api/queries';
import { t } from '~/strings';
import { ts } from '~/strings/signin';
import { Pill } from '~/ui/bits';
import { IconPlus, IconSearch, IconUser } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { AddPerson } from './AddPerson';
import { Directories } from './Directories';
import { peopleQuery } from './queries';
import { Teams } from './Teams';

/** Everybody with an account. */
export function PeoplePage() {
  const { user } = useSuspenseQuery(meQuery).data;
  const [text, setText] = useState('');
  const [searched] = useDebouncedValue(text, 250);
  const [adding, add] = useDisclosure();
  const admin = user.roles.includes('administrator');
  const list = useInfiniteQuery({ ...peopleQuery(searched), enabled: admin });
  const people = list.data?.pages.flatMap((page) => page.people) ?? [];
  return (
    <div className="sph-page">
      <PageHeader
        title={ts.people.title}
        description={ts.people.description}
        actions={
          admin && (
            <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={add.open}>
              {ts.people.add}
            </Button>
          )
        }
      />
      {!admin && <Note tone="info">{ts.people.noRole}</Note>}
      {admin && (
        <>
          <TextInput
            aria-label={ts.people.search}
            placeholder={ts.people.search}
            leftSection={<IconSearch size={15} aria-hidden />}
            maw={360}
            mb="sm"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <div className="sph-card">
            {list.isPending && <Skeletons />}
            {list.error && !list.data && <ErrorState error={list.error} retry={() => void list.refetch()} />}
            {list.data && people.length === 0 && (
              <EmptyState icon={<IconUser size={32} />} title={ts.people.none} text={ts.people.noneText} />
            )}
            {people.length > 0 && (
              <Table.ScrollContainer minWidth={640}>
                <Table verticalSpacing="sm" highlightOnHover>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>{ts.people.name}</Table.Th>
                      <Table.Th>{ts.people.roles}</Table.Th>
                      <Table.Th>{ts.people.teams}</Table.Th>
                      <Table.Th>{ts.people.state}</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {people.map((person) => (
                      <Table.Tr key={person.id}>
                        <Table.Td>
                          <Link to="/people/$id" params={{ id: person.id }}>
                            {person.name}
                          </Link>
                          <Text size="xs" className="sph-muted">
                            {person.email}
                          </Text>
                        </Table.Td>
                        <Table.Td>{person.roles.join(', ')}</Table.Td>
                        <Table.Td>{person.teams.join(', ') || t.common.none}</Table.Td>
                        <Table.Td>
                          <Pill tone={person.status === 'active' ? 'ok' : 'warn'}>
                            {ts.people.states[person.status] ?? person.status}
                          </Pill>{' '}
                          {person.contractor && <Pill tone="info">{ts.people.contractor}</Pill>}
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            )}
          </div>
          {list.hasNextPage && (
            <Button
              variant="default"
              mt="sm"
              loading={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              {ts.people.more}
            </Button>
          )}
          <Teams />
          <Directories />
          {adding && <AddPerson onClose={add.close} />}
        </>
      )}
    </div>
  );
}
