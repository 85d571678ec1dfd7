import { tw } from '~/strings/work';
import css from './create.module.css';

const stages = [
  ['input', tw.create.stepInput],
  ['plan', tw.create.stepPlan],
  ['run', tw.create.stepRun],
] as const;

/** Where one is: answers, plan, run. */
export function Stages({ stage, onBack }: { stage: 'input' | 'plan' | 'run'; onBack?: () => void }) {
  const at = stages.findIndex(([id]) => id === stage);
  return (
    <ol className={css.stages} aria-label={tw.create.steps}>
      {stages.map(([id, label], i) => (
        <li
          key={id}
          className={css.stage}
          data-reached={i <= at || undefined}
          aria-current={i === at ? 'step' : undefined}
        >
          <span className="num">{i + 1}</span>
          {onBack && i < at ? (
            <button type="button" className="sph-plain" onClick={onBack}>
              {label}
            </button>
          ) : (
            label
          )}
        </li>
      ))}
    </ol>
  );
}
