import { Group, Select, Switch, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { count } from '~/lib/format';
import { tf } from '~/strings/flags';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import css from './flags.module.css';
import { isProduction } from './EnvToggle';
import { previewQuery, projectFlagsQuery, projectQuery, segmentsQuery } from './queries';
import { RulesEditor } from './RulesEditor';
import { ServeEditor, type Known } from './ServeEditor';
import { PrerequisitesEditor, TargetsEditor } from './TargetsEditor';
import type { Flag, FlagEnvironment, Preview } from './types';
import type { Draft } from './useDraft';
import { manyOf, settingText } from './words';

const e = tf.editor;

type Props = {
  flag: Flag;
  environment: FlagEnvironment;
  draft: Draft;
  strict?: boolean;
  disabled?: boolean;
};

/** What a change would do, asked of the server while one edits. */
export function usePreview({ flag, environment, draft }: Pick<Props, 'flag' | 'environment' | 'draft'>) {
  const [patch] = useDebouncedValue(draft.patch, 300);
  return useQuery({
    ...previewQuery(flag.project, flag.key, environment.environment, environment.version, patch),
    placeholderData: keepPreviousData,
  });
}

/** How many are known of what shares go by. */
export function knownOf(preview: Preview | undefined): Known | undefined {
  const population = preview?.population;
  if (!population || population.known === 0) return undefined;
  return { attribute: population.attribute, count: population.known };
}

/** Who gets what in one environment, from top to bottom. */
export function SettingEditor({ flag, environment, draft, strict, disabled }: Props) {
  const { setting, change } = draft;
  const variations = flag.variations;
  const names = variations.map((each) => each.name);
  const segments = useQuery(segmentsQuery(flag.project)).data ?? [];
  const others = useQuery(projectFlagsQuery(flag.project)).data;
  const samples = useQuery(projectQuery(flag.project)).data?.settings.samples;
  const preview = usePreview({ flag, environment, draft });
  const known = knownOf(preview.data);
  const attributes = useMemo(
    () => [...new Set((samples ?? []).flatMap((sample) => Object.keys(sample.context)))],
    [samples],
  );
  const parents = useMemo(
    () =>
      (others ?? [])
        .filter((each) => each.key !== flag.key && !each.archivedAt)
        .map((each) => ({ key: each.key, variations: each.variations.map(({ name }) => name) })),
    [others, flag.key],
  );
  const name = environment.environment;
  return (
    <div className={css.stack}>
      <Section title={e.title} description={e.text(name)}>
        <div className={css.sections}>
          <Part title={e.whileOff} text={e.whileOffText}>
            <Group gap="md">
              {!isProduction(environment) && (
                <Switch
                  label={e.onSwitch(name)}
                  checked={setting.on}
                  disabled={disabled}
                  onChange={(event) => change({ on: event.currentTarget.checked })}
                />
              )}
              <Select
                size="xs"
                w={220}
                aria-label={e.off}
                disabled={disabled}
                allowDeselect={false}
                data={[
                  { value: '', label: e.codeDefault },
                  ...names.map((value) => ({ value, label: value })),
                ]}
                value={setting.off}
                onChange={(off) => change({ off: off ?? '' })}
              />
            </Group>
          </Part>
          {(setting.prerequisites.length > 0 || (parents.length > 0 && !disabled)) && (
            <Part title={e.prerequisites} text={e.prerequisitesText}>
              <PrerequisitesEditor
                prerequisites={setting.prerequisites}
                flags={parents}
                disabled={disabled}
                onChange={(prerequisites) => change({ prerequisites })}
              />
            </Part>
          )}
          <Part title={e.targets} text={e.targetsText}>
            <TargetsEditor
              targets={setting.targets}
              variations={variations}
              disabled={disabled}
              onChange={(targets) => change({ targets })}
            />
          </Part>
          <Part title={e.rules} text={setting.rules.length === 0 ? e.noRules : undefined}>
            <RulesEditor
              rules={setting.rules}
              variations={variations}
              fallback={setting.default}
              off={setting.off}
              segments={segments}
              attributes={attributes}
              known={known}
              disabled={disabled}
              strict={strict}
              onChange={(rules) => change({ rules })}
            />
          </Part>
          <Part title={e.otherwise} text={e.otherwiseText}>
            <ServeEditor
              serve={setting.serve}
              variations={variations}
              fallback={setting.default}
              off={setting.off}
              known={known}
              disabled={disabled}
              label={e.otherwise}
              onChange={(serve) => change({ serve })}
            />
          </Part>
        </div>
      </Section>
      <Section title={e.inWords}>
        <ul className={css.words}>
          {settingText(setting).map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
        <Affected preview={preview.data} />
        {preview.error && draft.changed > 0 && (
          <Note tone="bad" role="alert">
            {preview.error.message}
          </Note>
        )}
      </Section>
    </div>
  );
}

/** How many known accounts or users get what. */
export function Affected({ preview }: { preview?: Preview }) {
  const population = preview?.population;
  if (!population) return null;
  const what = manyOf(population.attribute);
  if (population.known === 0) {
    return (
      <Text size="sm" className="sph-muted">
        {e.aboutNone}
      </Text>
    );
  }
  return (
    <Text size="sm" aria-live="polite" className="num">
      {e.aboutGets(
        count(population.known),
        what,
        population.after.map((each) => `${count(each.count)} ${each.variation || e.codeDefault}`),
      )}
      {population.changed > 0 && <strong> {e.affected(count(population.changed))}</strong>}
    </Text>
  );
}

function Part({ title, text, children }: { title: string; text?: string; children: React.ReactNode }) {
  return (
    <div className={css.part} role="group" aria-label={title}>
      <div className={css.partHead}>
        <Text size="sm" fw={600}>
          {title}
        </Text>
        {text && (
          <Text size="xs" className="sph-muted">
            {text}
          </Text>
        )}
      </div>
      <div className={css.partBody}>{children}</div>
    </div>
  );
}
