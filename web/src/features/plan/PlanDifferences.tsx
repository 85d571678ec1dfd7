import { Text, Title } from '@mantine/core';
import type { Difference } from '~/api/types';
import { shortSha } from '~/lib/format';
import { humanise } from '~/lib/words';
import { tw } from '~/strings/work';
import { Pill } from '~/ui/bits';
import { visible } from '~/ui/DiffViewParse';
import css from './plan.module.css';

/** Exactly what is different between the plan that was shown and the one of now. */
export function PlanDifferences({ differences }: { differences: Difference[] }) {
  return (
    <section role="alert" className={`sph-card ${css.changed}`}>
      <div className={css.body}>
        <Title order={2} size="h3">
          {tw.plan.changedTitle}
        </Title>
        <Text size="sm">{tw.plan.changedText}</Text>
      </div>
      <div className="sph-divided">
        {differences.map((difference) => (
          <DifferenceRow key={`${difference.section} ${difference.name}`} difference={difference} />
        ))}
      </div>
    </section>
  );
}

function DifferenceRow({ difference }: { difference: Difference }) {
  const { section, name, before, after } = difference;
  const kind = !before ? 'added' : !after ? 'removed' : 'changed';
  const short = section === 'facts' || section === 'summary';
  return (
    <div className={css.row}>
      <span>
        <span className="sph-muted">{tw.plan.section[section] ?? humanise(section)}:</span> {visible(name)}
      </span>
      <Pill tone={kind === 'added' ? 'ok' : kind === 'removed' ? 'bad' : 'warn'}>
        {tw.plan.difference[kind]}
      </Pill>
      {short ? (
        <span className={css.detail}>
          {shortSha(before) || '–'} → {shortSha(after) || '–'}
        </span>
      ) : (
        <details className={css.detail}>
          <summary>{tw.plan.showDifference}</summary>
          <div className={css.values}>
            <Value label={tw.plan.before} text={before} />
            <Value label={tw.plan.after} text={after} />
          </div>
        </details>
      )}
    </div>
  );
}

function Value({ label, text }: { label: string; text: string }) {
  return (
    <div>
      {label}
      <pre className={css.value} tabIndex={0}>
        {pretty(text) || '–'}
      </pre>
    </div>
  );
}

function pretty(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
