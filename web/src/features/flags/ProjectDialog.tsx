import {
  ActionIcon,
  Button,
  Group,
  NumberInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { blueprintsQuery } from '~/api/queries';
import { isApiError } from '~/api/errors';
import type { components } from '~/api/schema';
import { t } from '~/strings';
import { tf } from '~/strings/flags';
import { Dialog } from '~/ui/Dialog';
import { IconPlus, IconX } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone } from '~/ui/toast';
import css from './flags.module.css';
import { projectQuery } from './queries';
import { SaveError } from './SaveDialogs';

type Settings = components['schemas']['FlagProjectSettings'];
type Sample = { name: string; text: string };

const e = tf.project;

/** A sample is not saved before it is one. */
export function sampleProblem(sample: Sample): string | undefined {
  try {
    const value: unknown = JSON.parse(sample.text);
    return value && typeof value === 'object' && !Array.isArray(value) ? undefined : e.notContext;
  } catch {
    return e.notContext;
  }
}

/** How the flags of a service are changed and judged. */
export function ProjectDialog({ project, onClose }: { project: string; onClose: () => void }) {
  const query = useQuery(projectQuery(project));
  return (
    <Dialog opened onClose={onClose} title={e.title(project)} size="lg">
      {query.isPending && <Skeletons rows={5} />}
      {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Form project={project} settings={query.data.settings} onClose={onClose} />}
    </Dialog>
  );
}

function Form({ project, settings, onClose }: { project: string; settings: Settings; onClose: () => void }) {
  const queryClient = useQueryClient();
  const blueprints = useQuery(blueprintsQuery).data ?? [];
  const [value, setValue] = useState(settings);
  const [samples, setSamples] = useState<Sample[]>(
    (settings.samples ?? []).map(({ name, context }) => ({ name, text: JSON.stringify(context, null, 2) })),
  );
  const set = (part: Partial<Settings>) => setValue((before) => ({ ...before, ...part }));
  const setSample = (at: number, part: Partial<Sample>) =>
    setSamples(samples.map((each, i) => (i === at ? { ...each, ...part } : each)));
  const save = useMutation({
    mutationFn: () =>
      api.put(
        '/v1/flag-projects/{project}',
        { path: { project } },
        {
          ...value,
          samples: samples.map(({ name, text }) => ({
            name,
            context: JSON.parse(text) as Record<string, unknown>,
          })),
        },
      ),
    onSuccess: () => {
      toastDone(tf.page.settingsSaved);
      void queryClient.invalidateQueries({ queryKey: ['flag'] });
      onClose();
    },
  });
  const errors = isApiError(save.error) ? save.error.fieldErrors() : {};
  const wrong = samples.some((sample) => !sample.name.trim() || sampleProblem(sample));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="md">
        <Group grow align="flex-start">
          <NumberInput
            label={e.maxStep}
            description={e.maxStepHint}
            suffix=" %"
            min={0}
            max={100}
            decimalScale={1}
            value={value.maxStep / 1000}
            error={errors.maxStep}
            onChange={(percent) => set({ maxStep: Math.round(Number(percent) * 1000) })}
          />
          <NumberInput
            label={e.staleDays}
            description={e.staleDaysHint}
            min={1}
            max={3650}
            value={value.staleDays}
            error={errors.staleDays}
            onChange={(days) => set({ staleDays: Number(days) || 1 })}
          />
        </Group>
        <Group grow align="flex-start">
          <Select
            label={e.population}
            description={e.populationHint}
            searchable
            clearable
            clearButtonProps={{ 'aria-label': t.common.clearSelection }}
            data={blueprints.map((each) => ({
              value: each.identifier,
              label: each.title || each.identifier,
            }))}
            value={value.populationBlueprint || null}
            error={errors.populationBlueprint}
            onChange={(blueprint) => set({ populationBlueprint: blueprint ?? '' })}
          />
          <TextInput
            label={e.attribute}
            description={e.attributeHint}
            placeholder="accountId"
            value={value.populationAttribute ?? ''}
            error={errors.populationAttribute}
            onChange={(event) => set({ populationAttribute: event.currentTarget.value })}
          />
        </Group>
        <div role="group" aria-label={e.samples}>
          <Text size="sm" fw={500}>
            {e.samples}
          </Text>
          <Text size="xs" className="sph-muted" mb={6}>
            {e.samplesHint}
          </Text>
          <Stack gap="xs">
            {samples.map((sample, i) => (
              <div key={i} className={css.line} style={{ alignItems: 'flex-start' }}>
                <TextInput
                  w={170}
                  aria-label={`${e.sampleName} ${i + 1}`}
                  placeholder={e.sampleName}
                  value={sample.name}
                  onChange={(event) => setSample(i, { name: event.currentTarget.value })}
                />
                <Textarea
                  className={css.grow}
                  autosize
                  aria-label={`${e.sampleContext} ${i + 1}`}
                  value={sample.text}
                  error={sampleProblem(sample)}
                  onChange={(event) => setSample(i, { text: event.currentTarget.value })}
                />
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="lg"
                  aria-label={e.removeSample(sample.name || String(i + 1))}
                  onClick={() => setSamples(samples.filter((_, n) => n !== i))}
                >
                  <IconX size={14} />
                </ActionIcon>
              </div>
            ))}
          </Stack>
          <Button
            mt={6}
            size="compact-sm"
            variant="subtle"
            leftSection={<IconPlus size={14} />}
            onClick={() => setSamples([...samples, { name: '', text: '{"accountId": ""}' }])}
          >
            {e.addSample}
          </Button>
        </div>
        <Select
          label={e.bucketing}
          description={e.bucketingHint}
          allowDeselect={false}
          data={[
            { value: '2', label: e.generation(2) },
            { value: '3', label: e.generation(3) },
          ]}
          value={String(value.bucketing ?? 2)}
          onChange={(generation) => set({ bucketing: generation === '3' ? 3 : 2 })}
        />
        {(value.bucketing ?? 2) !== (settings.bucketing ?? 2) && (
          <Note tone="bad" role="alert">
            {e.bucketingWarning}
          </Note>
        )}
        {save.error && Object.keys(errors).length === 0 && <SaveError error={save.error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button type="submit" disabled={wrong} loading={save.isPending}>
            {tf.page.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
