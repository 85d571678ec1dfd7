import { Code, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { actionsQuery } from '~/api/queries';
import type { Run } from '~/api/types';
import { humanise, splitEntity } from '~/lib/words';
import { t } from '~/strings';
import { tw } from '~/strings/work';
import { Fact, Facts } from '~/ui/bits';
import { EntityLink } from '~/ui/EntityLink';
import {
  IconBox,
  IconBrandGit,
  IconFile,
  IconFlag,
  IconGitCommit,
  IconGitPullRequest,
  IconKey,
  IconServer2,
} from '~/ui/icons';
import { Section } from '~/ui/Section';
import { PortalLink } from './PortalLink';
import { isOver } from './queries';

const icons: Record<string, typeof IconBox> = {
  repository: IconBrandGit,
  commit: IconGitCommit,
  pull_request: IconGitPullRequest,
  entity: IconBox,
  process: IconServer2,
  file: IconFile,
  secret_slot: IconKey,
  flag_project: IconFlag,
};

/** Everything the run made or altered, as one unit. */
export function RunChanges({ run }: { run: Run }) {
  const changes = run.changes ?? [];
  return (
    <Section
      title={tw.run.changes}
      description={run.state === 'undone' ? tw.run.changesUndone : undefined}
      flush
    >
      {changes.length === 0 && (
        <Text size="sm" className="sph-muted" p="md">
          {isOver(run.state) ? tw.run.noChangesDone : tw.run.noChanges}
        </Text>
      )}
      {changes.map((change, i) => {
        const Icon = icons[change.kind] ?? IconFile;
        return (
          <div key={i} className="sph-row sph-line">
            <Icon size={18} aria-hidden color="var(--sph-muted)" style={{ flex: 'none' }} />
            <Text size="sm" className="sph-line-text" component="div">
              <PortalLink to={change.url}>{change.title}</PortalLink>
            </Text>
            <Text size="xs" className="sph-muted">
              {tw.run.kinds[change.kind] ?? humanise(change.kind)} {String(change.verb ?? '')}
            </Text>
          </div>
        );
      })}
    </Section>
  );
}

/** What the run was asked for with, and what it is about. */
export function RunFacts({ run }: { run: Run }) {
  const inputs = Object.entries(run.input ?? {});
  const form = useQuery(actionsQuery).data?.find((action) => action.identifier === run.action)?.input;
  return (
    <Section title={tw.run.input}>
      {inputs.length === 0 && (
        <Text size="sm" className="sph-muted">
          {tw.run.noInput}
        </Text>
      )}
      <Facts>
        {inputs.map(([name, value]) => (
          <Fact key={name} name={form?.properties[name]?.title || humanise(name)}>
            {inputText(value)}
          </Fact>
        ))}
        {run.entities.length > 0 && (
          <Fact name={tw.run.entities}>
            {run.entities.map((ref) => (
              <div key={ref} style={{ minHeight: 24 }}>
                <EntityRef of={ref} />
              </div>
            ))}
          </Fact>
        )}
        <Fact name={tw.run.run}>
          <Code>{run.id}</Code>
        </Fact>
        <Fact name={tw.insights.auditTitle}>
          <Link to="/audit" search={{ run: run.id }}>
            {tw.run.audit}
          </Link>
        </Fact>
      </Facts>
    </Section>
  );
}

/** "Component/checkout" as a link. */
export function EntityRef({ of }: { of: string }) {
  const ref = splitEntity(of);
  return ref ? <EntityLink blueprint={ref.blueprint} id={ref.identifier} /> : <>{of}</>;
}

function inputText(value: unknown): string {
  if (value === null || value === undefined || value === '') return '–';
  if (typeof value === 'boolean') return value ? t.common.yes : t.common.no;
  if (Array.isArray(value)) return value.join(', ') || '–';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
