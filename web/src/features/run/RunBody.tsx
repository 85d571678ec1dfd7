import { tw } from '~/strings/work';
import { url } from '~/api/client';
import type { LogLine, Run } from '~/api/types';
import { LogView } from '~/ui/LogView';
import { RunChanges, RunFacts } from './RunChanges';
import { RunNotices } from './RunNotices';
import { hasResult, RunResult } from './RunResult';
import { RunSteps } from './RunSteps';
import { failedStep } from './failure';
import { isOver } from './queries';
import type { StreamState } from './useRunStream';
import css from './run.module.css';

type Props = {
  run: Run;
  lines: LogLine[];
  stream: StreamState;
  step?: string;
  onStep: (step: string | undefined) => void;
};

/** A run: notices, result, steps beside the live log, and what it changed. */
export function RunBody({ run, lines, stream, step, onStep }: Props) {
  const failed = failedStep(run);
  const known = run.steps?.some((each) => each.name === step) ? step : undefined;
  const steps = run.steps?.map(({ name, title }) => ({ name, title }));
  return (
    <>
      <RunNotices run={run} stream={stream} />
      {hasResult(run) && <RunResult run={run} />}
      <div className={css.split}>
        <div className={css.side}>
          <RunSteps run={run} selected={known} onSelect={onStep} />
          <div className={css.last}>
            <RunFacts run={run} />
          </div>
        </div>
        <div className={css.side}>
          <LogView
            // A run that has just failed is shown from its first error line.
            key={failed ? `failed ${failed.name}` : 'log'}
            label={tw.run.logOf(run.title)}
            lines={lines}
            live={!isOver(run.state)}
            height="clamp(280px, calc(100dvh - 420px), 560px)"
            download={url('/v1/runs/{id}/logs', { path: { id: run.id }, query: { format: 'text' } })}
            steps={steps}
            step={known}
            onStep={onStep}
            openAtError={failed !== undefined}
          />
          <RunChanges run={run} />
        </div>
      </div>
    </>
  );
}
