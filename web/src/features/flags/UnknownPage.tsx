import { Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { count } from '~/lib/format';
import { tf } from '~/strings/flags';
import { When } from '~/ui/bits';
import { IconSearch } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { FlagsFrame } from './FlagsFrame';
import { unknownQuery } from './queries';

const e = tf.unknown;

/** Flags that are asked for and do not exist. */
export function UnknownPage() {
  const query = useQuery(unknownQuery);
  return (
    <FlagsFrame title={e.title} description={e.description}>
      <div className="sph-card">
        {query.isPending && <Skeletons rows={5} />}
        {query.error && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {query.data?.length === 0 && <EmptyState icon={<IconSearch size={32} />} title={e.none} />}
        {query.data && query.data.length > 0 && (
          <Table.ScrollContainer minWidth={760}>
            <Table verticalSpacing="sm" horizontalSpacing="md">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{e.key}</Table.Th>
                  <Table.Th>{e.project}</Table.Th>
                  <Table.Th>{e.environment}</Table.Th>
                  <Table.Th>{e.service}</Table.Th>
                  <Table.Th ta="right">{e.count}</Table.Th>
                  <Table.Th>{e.first}</Table.Th>
                  <Table.Th>{e.last}</Table.Th>
                  <Table.Th ta="right">{e.act}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {query.data.map((one) => (
                  <Table.Tr key={`${one.project} ${one.environment} ${one.client} ${one.flag}`}>
                    <Table.Td className="mono" style={{ overflowWrap: 'anywhere' }}>
                      {one.flag}
                    </Table.Td>
                    <Table.Td>{one.project}</Table.Td>
                    <Table.Td>{one.environment}</Table.Td>
                    <Table.Td>{one.client}</Table.Td>
                    <Table.Td ta="right" className="num">
                      {count(one.asked)}
                    </Table.Td>
                    <Table.Td>
                      <When at={one.firstAt} />
                    </Table.Td>
                    <Table.Td>
                      <When at={one.lastAt} />
                    </Table.Td>
                    <Table.Td ta="right">
                      <ButtonLink
                        size="compact-sm"
                        variant="default"
                        to="/flags/new"
                        search={{ project: one.project, key: one.flag }}
                        aria-label={`${e.make}: ${one.flag}`}
                      >
                        {e.make}
                      </ButtonLink>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </div>
    </FlagsFrame>
  );
}
