import { Button, Group, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { serviceBlueprint } from '~/features/entity/tabs';
import { RelationPicker } from '~/features/pick/RelationPicker';
import { tf } from '~/strings/flags';
import { LeaveGuard } from '~/ui/LeaveGuard';
import { ButtonLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { Section } from '~/ui/Section';
import { toastDone } from '~/ui/toast';
import { projectsQuery } from './queries';
import { SaveError } from './SaveDialogs';
import { firstDraft, isValid, sentSettings, type SettingsDraft } from './settings';
import { SettingsFields } from './SettingsForm';

const e = tf.create;
const another = ' another';
const keyPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** A new flag of a service; it is off everywhere. */
export function NewFlagPage({ project: given, flagKey }: { project?: string; flagKey?: string }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const projects = useQuery(projectsQuery).data;
  const [project, setProject] = useState(given ?? '');
  const [service, setService] = useState<string | null>(null);
  const [key, setKey] = useState(flagKey ?? '');
  const [draft, setDraft] = useState<SettingsDraft>(() => firstDraft('boolean'));
  const [touched, setTouched] = useState(false);
  const [done, setDone] = useState(false);
  // A project that was named by its service is that service's.
  const known = projects?.find((each) => each.key === given || each.service === given);
  useEffect(() => {
    if (!projects || project) return;
    if (projects.length === 0) setProject(another);
    else if (projects.length === 1) setProject(projects[0]!.key);
  }, [projects, project]);
  useEffect(() => {
    if (given && projects && !known) {
      setProject(another);
      setService(given);
    } else if (known) setProject(known.key);
  }, [given, projects, known]);

  const make = useMutation({
    mutationFn: async () => {
      let owner = project;
      if (project === another) {
        const made = await api.post('/v1/flag-projects', {}, { key: service!, service: service! });
        owner = made.project.key;
      }
      return api.post(
        '/v1/flag-projects/{project}/flags',
        { path: { project: owner } },
        { key: key.trim(), ...sentSettings(draft) },
      );
    },
    onSuccess: async ({ flag }) => {
      setDone(true);
      toastDone(e.made(flag.key));
      await queryClient.invalidateQueries({ queryKey: ['flag'] });
      await navigate({ to: '/flags/$project/$key', params: { project: flag.project, key: flag.key } });
    },
  });
  const errors = isApiError(make.error) ? make.error.fieldErrors() : {};
  const wrongKey = key !== '' && !keyPattern.test(key);
  const ready =
    (project === another ? Boolean(service) : project !== '') && keyPattern.test(key) && isValid(draft);
  const change = (part: Partial<SettingsDraft>) => {
    setTouched(true);
    setDraft((before) => ({ ...before, ...part }));
  };
  return (
    <div className="sph-page narrow">
      <PageHeader
        title={e.title}
        description={e.description}
        crumbs={[{ label: tf.list.title, link: { to: '/flags' } }, { label: e.title }]}
      />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) make.mutate();
        }}
      >
        <Section title={e.what}>
          <Stack gap="md" py="xs">
            <Select
              label={e.project}
              description={e.projectHint}
              required
              searchable
              allowDeselect={false}
              data={[
                ...(projects ?? []).map((each) => ({ value: each.key, label: each.service })),
                { value: another, label: e.newProject },
              ]}
              value={project || null}
              onChange={(value) => value && setProject(value)}
            />
            {project === another && (
              <RelationPicker
                target={serviceBlueprint}
                label={e.service}
                description={e.noProject}
                value={service}
                error={errors.service}
                onChange={setService}
              />
            )}
            <TextInput
              label={e.key}
              description={e.keyHint}
              required
              maxLength={100}
              value={key}
              error={errors.key ?? (wrongKey ? e.keyWrong : undefined)}
              onChange={(event) => {
                setTouched(true);
                setKey(event.currentTarget.value);
              }}
            />
            <div>
              <Text size="sm" fw={500} mb={4}>
                {tf.page.type}
              </Text>
              <SegmentedControl
                aria-label={tf.page.type}
                value={draft.type}
                onChange={(type) => {
                  const next = firstDraft(type as SettingsDraft['type']);
                  change({
                    type: next.type,
                    variations: next.variations,
                    ...(draft.kind === 'kill-switch' && next.type !== 'boolean' ? { kind: 'release' } : {}),
                  });
                }}
                data={Object.entries(tf.page.types).map(([value, label]) => ({ value, label }))}
              />
            </div>
            <SettingsFields value={draft} onChange={change} errors={errors} />
            {make.error && Object.keys(errors).length === 0 && <SaveError error={make.error} />}
            <Group justify="flex-end" gap="xs">
              <ButtonLink variant="default" to="/flags">
                {e.cancel}
              </ButtonLink>
              <Button type="submit" disabled={!ready} loading={make.isPending}>
                {e.make}
              </Button>
            </Group>
          </Stack>
        </Section>
      </form>
      <LeaveGuard active={() => touched && !done} />
    </div>
  );
}
