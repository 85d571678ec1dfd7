import { Text } from '@mantine/core';
import { useMemo } from 'react';
import type { Plan, RepositoryChange } from '~/api/types';
import { tw } from '~/strings/work';
import { Pill } from '~/ui/bits';
import { Counts, DiffView, type DiffFile } from '~/ui/DiffView';
import { Group } from './Group';
import { Approvals, Calls, CatalogChanges, Objects, Processes, PullRequests, Steps } from './PlanParts';
import css from './plan.module.css';

/**
 * The whole plan, readable: what would change where, who decides, and what undo
 * does. The plan of an undo has steps that are undone, in that order.
 */
export function PlanView({ plan, undo }: { plan: Plan; undo?: boolean }) {
  return (
    <div className={css.stack}>
      <div>
        <Text size="md">{plan.summary}</Text>
        <Totals plan={plan} />
      </div>
      {plan.warnings.length > 0 && (
        <div className={css.warnings} role="note">
          <strong>{tw.plan.warnings}</strong>
          <ul>
            {plan.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </div>
      )}
      <Approvals plan={plan} />
      {plan.repositories.map((change) => (
        <RepositoryFiles key={`${change.repository} ${change.branch}`} change={change} />
      ))}
      <PullRequests plan={plan} />
      <CatalogChanges plan={plan} />
      <Processes plan={plan} />
      <Objects plan={plan} />
      <Calls plan={plan} />
      <Steps plan={plan} undo={undo} />
    </div>
  );
}

/** How much of everything, true totals. */
export function Totals({ plan }: { plan: Plan }) {
  const files = plan.repositories.flatMap((change) => change.files);
  const held = plan.objects.filter((object) => object.held).length;
  const counts: [number, (n: number) => string][] = [
    [new Set(plan.repositories.map((change) => change.repository)).size, tw.plan.repositories],
    [files.length, tw.plan.files],
    [plan.pullRequests.length, tw.plan.pullRequests],
    [plan.catalog.length, tw.plan.catalog],
    [plan.processes.length, tw.plan.processes],
    [plan.objects.length, tw.plan.objects],
    [plan.calls.length, tw.plan.calls],
    [plan.approvals.length, tw.plan.approvals],
    [plan.steps.length, tw.plan.steps],
  ];
  const shown = counts.filter(([n]) => n > 0);
  if (shown.length === 0) return <Text size="sm">{tw.plan.empty}</Text>;
  return (
    <ul className={css.totals} aria-label={tw.plan.totals} style={{ marginTop: 8 }}>
      {shown.map(([n, text]) => (
        <li key={text(2)}>
          <Pill tone="mute">
            {text(n)}
            {text === tw.plan.objects && held > 0 && ` (${tw.plan.heldCount(held)})`}
          </Pill>
        </li>
      ))}
    </ul>
  );
}

function RepositoryFiles({ change }: { change: RepositoryChange }) {
  const files = useMemo(
    () => change.files.map((file): DiffFile => ({ ...file, patch: file.diff })),
    [change],
  );
  const added = files.reduce((n, file) => n + file.added, 0);
  const removed = files.reduce((n, file) => n + file.removed, 0);
  return (
    <Group
      title={change.repository}
      open={files.length <= 4}
      aside={
        <>
          {change.created && <Pill tone="ok">{tw.plan.newRepository}</Pill>}
          <Text size="sm" className="sph-muted">
            {tw.plan.files(files.length)} {tw.plan.onBranch(change.branch)}
          </Text>
          <Counts added={added} removed={removed} />
        </>
      }
    >
      <div className={css.body}>
        {change.message && (
          <Text size="sm" className="sph-muted" mb="sm" style={{ whiteSpace: 'pre-line' }}>
            {change.message}
          </Text>
        )}
        {files.length > 0 && <DiffView files={files} openFirst={files.length <= 2 ? 2 : 0} anchors={false} />}
      </div>
    </Group>
  );
}
