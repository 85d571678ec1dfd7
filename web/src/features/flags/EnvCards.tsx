import { Button, Group, Text, UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import { tf } from '~/strings/flags';
import { Pill, When } from '~/ui/bits';
import { EnvToggle, isProduction } from './EnvToggle';
import css from './flags.module.css';
import { openShare, shortState } from './shares';
import type { Flag, FlagEnvironment } from './types';

/** The environments side by side; one of them is shown below. */
export function EnvCards({
  flag,
  shown,
  onShow,
  onPromote,
}: {
  flag: Flag;
  shown: string;
  onShow: (environment: string) => void;
  onPromote: () => void;
}) {
  return (
    <section aria-label={tf.page.environments} className={css.stack}>
      <div className={css.envs}>
        {flag.environments.map((environment) => (
          <EnvCard
            key={environment.environment}
            flag={flag}
            environment={environment}
            shown={environment.environment === shown}
            onShow={() => onShow(environment.environment)}
          />
        ))}
      </div>
      {flag.environments.length > 1 && !flag.archivedAt && (
        <Button size="compact-sm" variant="subtle" className={css.promote} onClick={onPromote}>
          {tf.page.promoteHint}
        </Button>
      )}
    </section>
  );
}

function EnvCard({
  flag,
  environment,
  shown,
  onShow,
}: {
  flag: Flag;
  environment: FlagEnvironment;
  shown: boolean;
  onShow: () => void;
}) {
  const [summary, setSummary] = useState(false);
  const name = environment.environment;
  const share = openShare(environment);
  return (
    <article
      className={css.env}
      data-shown={shown || undefined}
      data-production={isProduction(environment) || undefined}
      aria-label={name}
    >
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <UnstyledButton
          onClick={onShow}
          aria-pressed={shown}
          className={css.envName}
          title={tf.page.choose(name)}
        >
          <Text fw={600} truncate span>
            {name}
          </Text>
          {isProduction(environment) && !name.startsWith('prod') && (
            <Pill tone="bad">{tf.page.production}</Pill>
          )}
        </UnstyledButton>
        <EnvToggle flag={flag} environment={environment} />
      </Group>
      <Text size="sm" fw={550} className="num">
        {shortState(environment)}
      </Text>
      <div className={css.meter} aria-hidden>
        <span style={{ width: `${share * 100}%` }} />
      </div>
      <Text size="xs" className="sph-muted" component="div">
        {environment.updatedAt ? (
          <>
            <When at={environment.updatedAt} />{' '}
            {environment.updatedByName && tf.page.changedBy(environment.updatedByName)}
          </>
        ) : (
          tf.page.untouched
        )}
        {environment.nextChange && (
          <>
            {' · '}
            {tf.page.next} <When at={environment.nextChange} />
          </>
        )}
      </Text>
      {environment.summary && (
        <Text size="xs" className={css.summary} lineClamp={summary ? undefined : 2}>
          {environment.summary}
          {environment.summary.length > 90 && (
            <button type="button" className={css.linkButton} onClick={() => setSummary(!summary)}>
              {summary ? tf.page.less : tf.page.more}
            </button>
          )}
        </Text>
      )}
    </article>
  );
}
