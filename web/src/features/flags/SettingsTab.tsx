import { Button, Group, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { tf } from '~/strings/flags';
import { CopyButton, Fact, Facts, When } from '~/ui/bits';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { toastDone } from '~/ui/toast';
import css from './flags.module.css';
import { remember } from './mutations';
import { SaveError } from './SaveDialogs';
import { draftOf, isValid, sentSettings, type SettingsDraft } from './settings';
import { SettingsFields } from './SettingsForm';
import type { Flag } from './types';

/** What a flag is in every environment. */
export function SettingsTab({ flag }: { flag: Flag }) {
  const queryClient = useQueryClient();
  const [changed, setChanged] = useState<Partial<SettingsDraft>>({});
  const value = useMemo(() => ({ ...draftOf(flag), ...changed }), [flag, changed]);
  const { project, key, version } = flag;
  const save = useMutation({
    mutationFn: () =>
      api.put(
        '/v1/flag-projects/{project}/flags/{key}',
        { path: { project, key } },
        { ...sentSettings(value), version },
      ),
    onSuccess: (answer) => {
      remember(queryClient, answer.flag);
      setChanged({});
      toastDone(tf.page.settingsSaved);
    },
  });
  const errors = isApiError(save.error) ? save.error.fieldErrors() : {};
  const outdated = isApiError(save.error) && save.error.status === 409;
  return (
    <div className={css.settings}>
      <Section title={tf.page.tab.settings!}>
        <Stack gap="md" py="xs">
          <SettingsFields
            value={value}
            errors={errors}
            disabled={flag.archivedAt !== undefined}
            onChange={(part) => setChanged((before) => ({ ...before, ...part }))}
          />
          {save.error && Object.keys(errors).length === 0 && <SaveError error={save.error} />}
          {outdated && (
            <Note tone="warn" role="status">
              <Button
                size="compact-sm"
                variant="default"
                onClick={() =>
                  void queryClient.invalidateQueries({ queryKey: ['flag', 'one', project, key] })
                }
              >
                {tf.page.loadNewest}
              </Button>
            </Note>
          )}
          <Group justify="flex-end" gap="xs">
            {Object.keys(changed).length > 0 && (
              <Button variant="default" onClick={() => setChanged({})}>
                {tf.editor.discard}
              </Button>
            )}
            <Button
              disabled={Object.keys(changed).length === 0 || !isValid(value)}
              loading={save.isPending}
              onClick={() => save.mutate()}
            >
              {tf.page.save}
            </Button>
          </Group>
        </Stack>
      </Section>
      <Section title={tf.page.facts}>
        <Facts>
          <Fact name={tf.create.key}>
            <span className="mono">{key}</span> <CopyButton value={key} />
          </Fact>
          <Fact name={tf.page.type}>{tf.page.types[flag.type] ?? flag.type}</Fact>
          <Fact name={tf.page.salt}>
            <span className="mono">{flag.salt}</span>
          </Fact>
          <Fact name={tf.page.created}>
            <When at={flag.createdAt} />
          </Fact>
          <Fact name={tf.list.changed}>
            <When at={flag.updatedAt} />
          </Fact>
        </Facts>
      </Section>
    </div>
  );
}
