import type { LogLine, Run, StepRun } from '~/api/types';
import { tw } from '~/strings/work';
import { plainText } from '~/ui/LogViewLine';

const causes: [RegExp, keyof typeof tw.run.causes][] = [
  [/no space left|disk (is )?full|storage.?full|quota/i, 'disk'],
  [/address already in use|port .* (taken|in use)|EADDRINUSE/i, 'port'],
  [/already (exists|taken)|is taken|identifier_taken/i, 'taken'],
  [/readiness|not ready|never answered|did not answer/i, 'ready'],
  [/build failed|build of \S+ failed|go build|npm (ci|run|install)|compile|exit status/i, 'build'],
  [/timed? ?out|deadline exceeded/i, 'timeout'],
  [/permission denied|forbidden|unauthori[sz]ed|refused by/i, 'refused'],
  [/conflict|non-fast-forward|stale/i, 'conflict'],
  [/connection refused|no such host|unreachable|EOF$/i, 'network'],
];

/** What probably made a run fail, in words that say what to do. */
export function likelyCause(error: string): string | undefined {
  const found = causes.find(([pattern]) => pattern.test(error));
  return found && tw.run.causes[found[1]];
}

/** The step at which a run failed. */
export function failedStep(run: Run): StepRun | undefined {
  return run.steps?.find((step) => step.state === 'failed');
}

/** What somebody who helps needs to know, as text. Inputs are left out: they may be private. */
export function diagnostics(run: Run, lines: LogLine[], address: string): string {
  const step = failedStep(run);
  const tail = lines.filter((line) => !step || line.step === step.name).slice(-40);
  return [
    `${run.title} (${run.action})`,
    `Run ${run.id}: ${run.state}`,
    address,
    `Asked for by ${run.actor.name} at ${run.createdAt}`,
    step && `Step ${step.name} (${step.type}), attempt ${step.attempt}: ${step.error ?? ''}`,
    run.error && `Error: ${run.error}`,
    '',
    ...(run.steps ?? []).map((s) => `${s.index + 1}. ${s.name}: ${s.state}`),
    '',
    ...tail.map((line) => `${line.at} ${line.step ?? ''} ${plainText(line.text)}`),
  ]
    .filter((line) => line !== undefined)
    .join('\n');
}
