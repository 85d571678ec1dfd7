import { Button, Table } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '~/api/client';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { Fact, Facts, Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { EntityLink } from '~/ui/EntityLink';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { sweepQuery } from './queries';
import { sizeOf, sweepTones } from './SourcesTab';

/** What a source wants to delete, one by one, and the decision. */
export function SweepPage({ id }: { id: number }) {
  const queryClient = useQueryClient();
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(sweepQuery(id));
  const decide = useMutation({
    mutationFn: (decision: 'approve' | 'reject') =>
      api.post('/v1/sweeps/{sweep}/decision', { path: { sweep: id } }, { decision }),
    onSuccess: (_, decision) => {
      toastDone(decision === 'approve' ? tc.sources.approved : tc.sources.rejected);
      void queryClient.invalidateQueries({ queryKey: ['entity'] });
    },
    onError: (reason) => toastError(reason),
  });
  const sweep = data?.pages[0]?.sweep;
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  const size = plural(sweep ? sizeOf(sweep.counts) : 0, 'entity', 'entities');
  return (
    <div className="sph-page">
      <PageHeader
        title={tc.sources.sweep(id)}
        crumbs={[{ label: tc.sources.title, link: { to: '/sources' } }, { label: tc.sources.sweep(id) }]}
        status={
          sweep && (
            <Pill tone={sweepTones[sweep.state] ?? 'mute'}>
              {tc.sources.states[sweep.state] ?? sweep.state}
            </Pill>
          )
        }
        actions={
          sweep?.state === 'held' && (
            <>
              <Button variant="default" loading={decide.isPending} onClick={() => decide.mutate('reject')}>
                {tc.sources.reject}
              </Button>
              <Button
                color="red"
                loading={decide.isPending}
                onClick={() =>
                  confirm({
                    title: tc.sources.approveTitle(size),
                    text: tc.sources.approveText,
                    verb: tc.sources.approve,
                    danger: true,
                    onConfirm: () => decide.mutate('approve'),
                  })
                }
              >
                {tc.sources.approve}
              </Button>
            </>
          )
        }
      />
      {isPending && <Skeletons />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {sweep && (
        <>
          <Section title={sweep.source}>
            <Facts>
              <Fact name={tc.sources.started}>
                <When at={sweep.startedAt} />
              </Fact>
              <Fact name={tc.sources.by}>{sweep.caller}</Fact>
              <Fact name={tc.sources.entities}>{tc.sources.wants(size, String(sweep.entities))}</Fact>
              {sweep.reason && <Fact name={tc.sources.reason}>{sweep.reason}</Fact>}
              {sweep.decidedBy && (
                <Fact name={tc.sources.states[sweep.state] ?? sweep.state}>
                  {sweep.decidedBy} · <When at={sweep.decidedAt} />
                </Fact>
              )}
            </Facts>
          </Section>
          <Section title={tc.sources.entities} flush>
            <Table.ScrollContainer minWidth={600}>
              <Table verticalSpacing={8} horizontalSpacing="md">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t.catalog.entityTitle}</Table.Th>
                    <Table.Th>{t.catalog.kind}</Table.Th>
                    <Table.Th ta="right">{tc.sources.dependents}</Table.Th>
                    <Table.Th>{tc.sources.what}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {items.map((item) => (
                    <Table.Tr key={`${item.blueprint}/${item.identifier}`}>
                      <Table.Td>
                        <EntityLink blueprint={item.blueprint} id={item.identifier} title={item.title} />
                      </Table.Td>
                      <Table.Td>{item.blueprint}</Table.Td>
                      <Table.Td ta="right" className="num">
                        {item.dependents ?? 0}
                      </Table.Td>
                      <Table.Td>
                        {tc.sources.itemStates[item.state] ?? item.state}
                        {item.reason ? `: ${item.reason}` : ''}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            {hasNextPage && (
              <Button
                m="md"
                variant="default"
                loading={isFetchingNextPage}
                onClick={() => void fetchNextPage()}
              >
                {tc.sources.more}
              </Button>
            )}
          </Section>
        </>
      )}
    </div>
  );
}
