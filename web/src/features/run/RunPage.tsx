import { Group } from '@mantine/core';
import type { ReactNode } from 'react';
import { duration } from '~/lib/format';
import { tw } from '~/strings/work';
import { Pill, When } from '~/ui/bits';
import { PageHeader, type Crumb } from '~/ui/PageHeader';
import { ErrorState, PageSkeleton } from '~/ui/States';
import { RunStatePill } from '~/features/entity/EntityRuns';
import { failedStep } from './failure';
import { isOver } from './queries';
import { RunActions } from './RunActions';
import { RunBody } from './RunBody';
import { remainingMillis, runMillis, useSecond } from './timing';
import { runTitle, useRunIcon } from './useRunTitle';
import { useRunStream } from './useRunStream';

/** One run, live. Without a chosen step a failed run shows the step that failed. */
export function RunPage({
  id,
  step,
  onStep,
  crumbs,
  above,
}: {
  id: string;
  step?: string;
  onStep: (step: string | undefined) => void;
  /** The way here, when it was not the list of runs. */
  crumbs?: Crumb[];
  above?: ReactNode;
}) {
  const { run, query, lines, state, error } = useRunStream(id);
  const over = run ? isOver(run.state) : true;
  const now = useSecond(!over);
  useRunIcon(run?.state);
  if (!run) {
    if (query.error) {
      return (
        <div className="sph-page">
          <PageHeader
            title={tw.run.run}
            crumbs={crumbs ?? [{ label: tw.run.title, link: { to: '/runs' } }]}
          />
          <ErrorState error={error ?? query.error} retry={() => void query.refetch()} />
        </div>
      );
    }
    return <PageSkeleton />;
  }
  const took = runMillis(run, now);
  const left = over || run.undoing || run.state === 'waiting' ? undefined : remainingMillis(run, now);
  return (
    <div className="sph-page">
      <PageHeader
        title={run.title}
        documentTitle={runTitle(run)}
        crumbs={crumbs ?? [{ label: tw.run.title, link: { to: '/runs' } }, { label: run.title }]}
        status={
          <>
            <RunStatePill state={run.state} />
            {run.undoing && run.state !== 'undone' && <Pill tone="warn">{tw.run.undoing}</Pill>}
            {run.cancelRequested && !over && <Pill tone="warn">{tw.run.cancelling}</Pill>}
          </>
        }
        description={
          <Group gap={6} component="span">
            {tw.run.askedBy(run.actor.name)} · <When at={run.createdAt} />
            {over && !run.undoing && took !== undefined && (
              <span className="num"> · {tw.run.tookTime(took)}</span>
            )}
            {left !== undefined && left > 0 && <span className="num"> · {tw.run.left(left)}</span>}
            {!over && took !== undefined && !left && <span className="num"> · {duration(took)}</span>}
          </Group>
        }
        actions={<RunActions run={run} lines={lines} />}
      />
      {above}
      <RunBody
        run={run}
        lines={lines}
        stream={state}
        step={step === undefined ? failedStep(run)?.name : step || undefined}
        onStep={onStep}
      />
    </div>
  );
}
