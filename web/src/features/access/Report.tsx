import { Anchor, Code, Table, Text } from '@mantine/core';
import { ta } from '~/strings/access';
import { Pill, When } from '~/ui/bits';
import { Note } from '~/ui/Note';
import type { PolicyChange, PolicyReport } from './queries';

/** Mistakes, tests and what would have changed, of a draft that was checked. */
export function Report({
  report,
  onPlace,
}: {
  report: PolicyReport;
  onPlace: (where: 'policies' | 'cases', line: number, column: number) => void;
}) {
  const mistakes = [
    ...report.problems.map((one) => ({ ...one, where: 'policies' as const })),
    ...report.caseProblems.map((one) => ({ ...one, where: 'cases' as const })),
  ];
  const fine = mistakes.length === 0 && report.failures.length === 0;
  return (
    <div aria-live="polite" style={{ display: 'grid', gap: 12 }}>
      {mistakes.length > 0 && (
        <Note tone="bad" title={ta.problems} role="alert">
          <ul style={{ margin: 0, paddingLeft: 18 }}>
            {mistakes.map((one) => (
              <li key={`${one.where}${one.line}:${one.column}${one.message}`}>
                <Anchor
                  component="button"
                  type="button"
                  size="sm"
                  onClick={() => onPlace(one.where, one.line, one.column)}
                >
                  {ta.line(one.line, one.column)}
                </Anchor>{' '}
                {one.policy && <Code>{one.policy}</Code>} {one.message}
              </li>
            ))}
          </ul>
        </Note>
      )}
      {report.failures.length > 0 && (
        <Note tone="bad" title={ta.failures} role="alert">
          <ul style={{ margin: 0, paddingLeft: 18 }}>
            {report.failures.map((one) => (
              <li key={`${one.line}${one.case}`}>
                <Anchor
                  component="button"
                  type="button"
                  size="sm"
                  onClick={() => onPlace('cases', one.line, 1)}
                >
                  {ta.line(one.line, 1)}
                </Anchor>{' '}
                <Code>{one.case}</Code> {ta.failed(one.got, one.rule)}
              </li>
            ))}
          </ul>
        </Note>
      )}
      {fine && (
        <Note tone="ok">
          {ta.good} {report.cases > 0 ? ta.testsGood(report.cases) : ta.testsNone}
        </Note>
      )}
      {mistakes.length === 0 && <Impact impact={report.impact} />}
    </div>
  );
}

/** What would have been decided otherwise. */
export function Impact({ impact }: { impact: PolicyChange['impact'] }) {
  const none = impact.denied + impact.allowed === 0;
  return (
    <div>
      <Text fw={600} size="sm">
        {ta.impact}
      </Text>
      <Text size="sm" className="sph-muted">
        {impact.considered === 0
          ? ta.impactEmpty
          : none
            ? ta.impactNone(impact.considered)
            : ta.impactSome(impact.denied, impact.allowed, impact.considered)}
      </Text>
      {impact.changes.length > 0 && (
        <Table.ScrollContainer minWidth={640}>
          <Table verticalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{ta.subject}</Table.Th>
                <Table.Th>{ta.action}</Table.Th>
                <Table.Th>{ta.resource}</Table.Th>
                <Table.Th>{ta.would}</Table.Th>
                <Table.Th>{ta.rule}</Table.Th>
                <Table.Th />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {impact.changes.map((one) => (
                <Table.Tr key={`${one.at}${one.subject}${one.action}${one.resource}`}>
                  <Table.Td>{one.subject}</Table.Td>
                  <Table.Td className="mono">{one.action}</Table.Td>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{one.resource}</Table.Td>
                  <Table.Td>
                    <Pill tone={one.allowed ? 'ok' : 'bad'}>{one.allowed ? ta.allowed : ta.denied}</Pill>
                  </Table.Td>
                  <Table.Td className="mono">{one.rule}</Table.Td>
                  <Table.Td>
                    <When at={one.at} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </div>
  );
}
