import { Progress } from '@mantine/core';
import type { Run, StepRun } from '~/api/types';
import { duration } from '~/lib/format';
import { tw } from '~/strings/work';
import {
  IconArrowBackUp,
  IconCircle,
  IconCircleCheck,
  IconCircleX,
  IconClock,
  IconLoader2,
  IconMinus,
} from '~/ui/icons';
import { Section } from '~/ui/Section';
import { donePercent, millis, remainingMillis, stepMillis, useSecond } from './timing';
import { isOver } from './queries';
import css from './run.module.css';

/** The steps of a run; choosing one narrows the log to it. */
export function RunSteps({
  run,
  selected,
  onSelect,
}: {
  run: Run;
  selected?: string;
  onSelect: (step: string | undefined) => void;
}) {
  const over = isOver(run.state);
  const now = useSecond(!over);
  const left = over || run.undoing || run.state === 'waiting' ? undefined : remainingMillis(run, now);
  return (
    <Section
      title={tw.run.steps}
      flush
      action={
        !run.undoing && (
          <span className={css.time} aria-live="off">
            {left ? tw.run.left(left) : tw.run.stepsOf(run.stepsDone, run.stepsTotal)}
          </span>
        )
      }
    >
      {!run.undoing && (
        <Progress
          value={donePercent(run)}
          size={4}
          radius={0}
          color={run.state === 'failed' ? 'red' : undefined}
          aria-label={tw.run.progress}
        />
      )}
      <ol className={css.steps}>
        {(run.steps ?? []).map((step) => (
          <li key={step.name}>
            <button
              type="button"
              className={css.step}
              aria-pressed={selected === step.name}
              onClick={() => onSelect(selected === step.name ? undefined : step.name)}
            >
              <StepIcon state={step.state} />
              <span className={step.state === 'pending' ? `${css.name} ${css.later}` : css.name}>
                {step.title}
              </span>
              <StepTime step={step} now={now} />
              <StepDetail step={step} run={run} now={now} />
            </button>
          </li>
        ))}
      </ol>
    </Section>
  );
}

const icons = {
  pending: { Icon: IconCircle, color: 'var(--sph-muted)' },
  running: { Icon: IconLoader2, color: 'var(--sph-info)' },
  waiting: { Icon: IconClock, color: 'var(--sph-warn)' },
  succeeded: { Icon: IconCircleCheck, color: 'var(--sph-ok)' },
  failed: { Icon: IconCircleX, color: 'var(--sph-bad)' },
  cancelled: { Icon: IconMinus, color: 'var(--sph-muted)' },
  undone: { Icon: IconArrowBackUp, color: 'var(--sph-muted)' },
} as const;

/** The state of a step; its name is read out. */
export function StepIcon({ state }: { state: StepRun['state'] }) {
  const { Icon, color } = icons[state];
  return (
    <span className={css.icon} role="img" aria-label={tw.run.stepState[state]}>
      <Icon
        size={state === 'pending' ? 12 : 18}
        color={color}
        className={state === 'running' ? css.spin : undefined}
        aria-hidden
      />
    </span>
  );
}

function StepTime({ step, now }: { step: StepRun; now: number }) {
  const spent = stepMillis(step, now);
  if (spent !== undefined) return <span className={css.time}>{duration(spent)}</span>;
  if (step.state === 'pending' && step.estimateMillis > 0) {
    return <span className={css.time}>{tw.run.estimate(step.estimateMillis)}</span>;
  }
  return <span />;
}

function StepDetail({ step, run, now }: { step: StepRun; run: Run; now: number }) {
  const retryAt = millis(step.retryAt);
  const parts = [
    step.attempt > 1 && tw.run.attempt(step.attempt),
    retryAt !== undefined && retryAt > now && !isOver(run.state) && tw.run.retryIn(retryAt - now),
    step.state === 'waiting' && run.waiting?.reason,
  ].filter(Boolean);
  if (parts.length === 0 && !step.error) return null;
  return (
    <span className={css.detail}>
      {parts.join(' · ')}
      {step.error && (
        <span className={step.state === 'failed' ? css.error : undefined}>
          {parts.length > 0 && ' · '}
          {step.error}
        </span>
      )}
    </span>
  );
}
