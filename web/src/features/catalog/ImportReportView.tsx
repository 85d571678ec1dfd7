import { Stack, Table, Text } from '@mantine/core';
import type { Finding, ImportItem, ImportReport } from '~/api/types';
import { t } from '~/strings';
import { Pill, type Tone } from '~/ui/bits';
import { EntityLink } from '~/ui/EntityLink';
import { Section } from '~/ui/Section';

/** More things than this are counted and not listed. */
const shownItems = 300;

const tones: Record<string, Tone> = { create: 'ok', update: 'info', unchanged: 'mute', refused: 'bad' };

/** "resource.json:3:2", as editors and compilers write a place. */
export function placeOf(finding: Finding): string {
  if (!finding.line) return finding.file;
  return `${finding.file}:${finding.line}:${finding.column}`;
}

/** What an import did or would do: refusals first, since they need somebody. */
export function ImportReportView({ report }: { report: ImportReport }) {
  return (
    <Stack gap="md">
      {report.refusals.length > 0 && (
        <Section
          title={`${t.catalog.refusals} (${report.refusals.length})`}
          description={t.catalog.refusalsText}
          flush
        >
          <Findings findings={report.refusals} doneTitle={t.catalog.todo} />
        </Section>
      )}
      {report.repairs.length > 0 && (
        <Section
          title={`${t.catalog.repairs} (${report.repairs.length})`}
          description={t.catalog.repairsText}
          flush
        >
          <Findings findings={report.repairs} doneTitle={t.catalog.repairDone} />
        </Section>
      )}
      <Items title={t.catalog.blueprints} items={report.blueprints} />
      <Items title={t.catalog.scorecards} items={report.scorecards} />
      <Items title={t.catalog.importEntities} items={report.entities} link={!report.dryRun} />
    </Stack>
  );
}

function Findings({ findings, doneTitle }: { findings: Finding[]; doneTitle: string }) {
  return (
    <Table.ScrollContainer minWidth={640}>
      <Table verticalSpacing={8} horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.catalog.place}</Table.Th>
            <Table.Th>{t.catalog.problem}</Table.Th>
            <Table.Th>{doneTitle}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {findings.map((finding, i) => (
            <Table.Tr key={`${placeOf(finding)} ${finding.path ?? ''} ${i}`}>
              <Table.Td className="mono">{placeOf(finding)}</Table.Td>
              <Table.Td>{finding.problem}</Table.Td>
              <Table.Td>{finding.done}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Items({ title, items, link }: { title: string; items: ImportItem[]; link?: boolean }) {
  if (items.length === 0) return null;
  return (
    <Section title={`${title} (${items.length})`} flush>
      <Table.ScrollContainer minWidth={520}>
        <Table verticalSpacing={8} horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t.catalog.identifier}</Table.Th>
              <Table.Th>{t.catalog.kind}</Table.Th>
              <Table.Th>{t.catalog.file}</Table.Th>
              <Table.Th>{t.catalog.verb}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.slice(0, shownItems).map((item) => (
              <Table.Tr key={`${item.file} ${item.blueprint ?? ''} ${item.identifier}`}>
                <Table.Td>
                  {link && item.blueprint && item.verb !== 'refused' ? (
                    <EntityLink blueprint={item.blueprint} id={item.identifier} />
                  ) : (
                    item.identifier
                  )}
                </Table.Td>
                <Table.Td>{item.blueprint}</Table.Td>
                <Table.Td className="mono">{item.file}</Table.Td>
                <Table.Td>
                  <Pill tone={tones[item.verb] ?? 'mute'}>{t.catalog.verbs[item.verb] ?? item.verb}</Pill>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {items.length > shownItems && (
        <Text size="sm" className="sph-muted" p="md">
          {t.catalog.moreItems(items.length - shownItems)}
        </Text>
      )}
    </Section>
  );
}
