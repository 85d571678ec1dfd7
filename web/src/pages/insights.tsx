import { SimpleGrid, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { createFileRoute, Link } from '@tanstack/react-router';
import { firstAnswerQuery } from '~/api/queries';
import type { FirstAnswer } from '~/api/types';
import { medianParts } from '~/features/insights/parts';
import { StepBars } from '~/features/insights/StepBars';
import { count, duration } from '~/lib/format';
import { humanise } from '~/lib/words';
import { tw } from '~/strings/work';
import { When } from '~/ui/bits';
import { IconChartBar } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { ButtonLink } from '~/ui/links';

export const Route = createFileRoute('/insights')({
  loader: ({ context }) => context.queryClient.prefetchQuery(firstAnswerQuery),
  component: Insights,
});

function Insights() {
  const { data, error, isPending, refetch } = useQuery(firstAnswerQuery);
  return (
    <div className="sph-page">
      <PageHeader title={tw.insights.title} description={tw.insights.description} />
      {isPending && <Skeletons />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.count === 0 && (
        <div className="sph-card">
          <EmptyState
            icon={<IconChartBar size={32} />}
            title={tw.insights.empty}
            text={tw.insights.emptyText}
            action={
              <ButtonLink to="/create/$action" params={{ action: 'create_service' }}>
                {tw.insights.create}
              </ButtonLink>
            }
          />
        </div>
      )}
      {data && data.count > 0 && <Figures summary={data} />}
    </div>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div className="sph-card" style={{ padding: 16 }}>
      <Text size="xs" className="sph-muted">
        {name}
      </Text>
      <Text fz={26} fw={650} className="num">
        {value}
      </Text>
    </div>
  );
}

function Figures({ summary }: { summary: FirstAnswer }) {
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="md">
        <Figure name={tw.insights.median} value={duration(summary.p50Millis)} />
        <Figure name={tw.insights.p90} value={duration(summary.p90Millis)} />
        <Figure name={tw.insights.count} value={count(summary.count)} />
      </SimpleGrid>
      <Section title={tw.insights.runs} description={tw.insights.runsText}>
        <StepBars rows={summary.last} />
      </Section>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
        <ByStep summary={summary} />
        <ByRun summary={summary} />
      </SimpleGrid>
    </>
  );
}

function ByStep({ summary }: { summary: FirstAnswer }) {
  return (
    <Section title={tw.insights.medianOfStep} flush>
      <Table verticalSpacing={8} horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{tw.insights.step}</Table.Th>
            <Table.Th ta="right">{tw.insights.median}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {medianParts(summary.last).map(([step, millis]) => (
            <Table.Tr key={step}>
              <Table.Td>{humanise(step)}</Table.Td>
              <Table.Td ta="right" className="num">
                {duration(millis)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Section>
  );
}

function ByRun({ summary }: { summary: FirstAnswer }) {
  return (
    <Section title={tw.insights.asTable} flush>
      <Table verticalSpacing={8} horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{tw.insights.service}</Table.Th>
            <Table.Th ta="right">{tw.insights.total}</Table.Th>
            <Table.Th>{tw.insights.when}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {summary.last.map((row) => (
            <Table.Tr key={row.runId}>
              <Table.Td>
                <Link to="/runs/$id" params={{ id: row.runId }}>
                  {row.subject}
                </Link>
              </Table.Td>
              <Table.Td ta="right" className="num">
                {duration(row.millis)}
              </Table.Td>
              <Table.Td>
                <When at={row.at} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Section>
  );
}
