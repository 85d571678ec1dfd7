import { useEffect, useState } from 'react';
import type { Run, StepRun } from '~/api/types';

const zero = '0001-01-01T00:00:00Z';

/** Milliseconds since 1970 of a time that may be absent. */
export function millis(at: string | undefined): number | undefined {
  if (!at || at === zero) return undefined;
  const value = new Date(at).getTime();
  return Number.isFinite(value) ? value : undefined;
}

/** The time, read again each second while something works. */
export function useSecond(active: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!active) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [active]);
  return now;
}

/** How long a step took, or has worked so far. */
export function stepMillis(step: StepRun, now: number): number | undefined {
  const start = millis(step.startedAt);
  if (start === undefined) return undefined;
  const end = millis(step.endedAt);
  if (end === undefined && step.state !== 'running' && step.state !== 'waiting') return undefined;
  return Math.max((end ?? now) - start, 0);
}

/** How long a run took, or has worked so far. */
export function runMillis(run: Run, now: number): number | undefined {
  const start = millis(run.createdAt);
  return start === undefined ? undefined : Math.max((millis(run.endedAt) ?? now) - start, 0);
}

/** What is left of a run by its steps' estimates; undefined when unknown. */
export function remainingMillis(run: Run, now: number): number | undefined {
  let left = 0;
  for (const step of run.steps ?? []) {
    if (step.state === 'succeeded') continue;
    if (!step.estimateMillis) return undefined;
    const spent = step.state === 'running' ? (stepMillis(step, now) ?? 0) : 0;
    left += Math.max(step.estimateMillis - spent, 0);
  }
  return left;
}

/** The done part of a run in percent. */
export function donePercent(run: Run): number {
  return run.stepsTotal > 0 ? Math.round((run.stepsDone / run.stepsTotal) * 100) : 0;
}
