import { Button, Group, Radio, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { t } from '~/strings';
import { tf } from '~/strings/flags';
import { Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { Dialog } from '~/ui/Dialog';
import { IconPlus, IconUsers } from '~/ui/icons';
import { ListToolbar } from '~/ui/ListToolbar';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { ConditionsEditor } from './ConditionsEditor';
import css from './flags.module.css';
import { FlagsFrame } from './FlagsFrame';
import { conditionProblem, type Condition } from './model';
import { ProjectPicker } from './ProjectPicker';
import { projectsQuery, segmentsQuery } from './queries';
import { SaveError } from './SaveDialogs';
import type { Segment } from './types';
import { conditionText } from './words';

const e = tf.segments;

/** Groups that the rules of several flags share. */
export function SegmentsPage({
  project,
  onProject,
}: {
  project: string | undefined;
  onProject: (project: string) => void;
}) {
  const queryClient = useQueryClient();
  const projects = useQuery(projectsQuery);
  const query = useQuery({ ...segmentsQuery(project ?? ''), enabled: Boolean(project) });
  const [editing, setEditing] = useState<Segment | 'new'>();
  const remove = useMutation({
    mutationFn: (segment: Segment) =>
      api.delete('/v1/flag-projects/{project}/segments/{key}', {
        path: { project: segment.project, key: segment.key },
        query: { version: segment.version },
      }),
    onSuccess: (_, segment) => {
      toastDone(e.removed(segment.title || segment.key));
      void queryClient.invalidateQueries({ queryKey: ['flag'] });
    },
    onError: (error) => toastError(error),
  });
  const add = project && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>
      {e.add}
    </Button>
  );
  const none = projects.data?.length === 0;
  return (
    <FlagsFrame title={e.title} description={e.description} actions={add}>
      <ListToolbar>
        <ProjectPicker value={project} onChange={onProject} />
      </ListToolbar>
      {(projects.isPending || (project && query.isPending)) && <Skeletons rows={4} />}
      {query.error && !query.data && (
        <div className="sph-card">
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        </div>
      )}
      {(none || query.data?.length === 0) && (
        <div className="sph-card">
          <EmptyState icon={<IconUsers size={32} />} title={e.none} text={e.noneText} action={add} />
        </div>
      )}
      {query.data?.map((segment) => (
        <SegmentCard
          key={segment.key}
          segment={segment}
          onEdit={() => setEditing(segment)}
          onRemove={() =>
            confirm({
              title: e.removeTitle(segment.title || segment.key),
              text: e.removeText,
              verb: e.remove,
              danger: true,
              onConfirm: () => remove.mutate(segment),
            })
          }
        />
      ))}
      {editing && project && (
        <SegmentDialog
          project={project}
          segment={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
        />
      )}
    </FlagsFrame>
  );
}

function SegmentCard({
  segment,
  onEdit,
  onRemove,
}: {
  segment: Segment;
  onEdit: () => void;
  onRemove: () => void;
}) {
  const conditions = segment.conditions as Condition[];
  const used = segment.usedBy ?? [];
  return (
    <Section
      title={segment.title || segment.key}
      description={
        <>
          <span className="mono">{segment.key}</span> · {e.changed} <When at={segment.updatedAt} />
        </>
      }
      action={
        <Group gap="xs">
          <Button size="compact-sm" variant="default" onClick={onEdit}>
            {e.edit(segment.title || segment.key)}
          </Button>
          <Button size="compact-sm" variant="subtle" disabled={used.length > 0} onClick={onRemove}>
            {e.remove}
          </Button>
        </Group>
      }
    >
      {segment.description && <Text size="sm">{segment.description}</Text>}
      <ul className={css.words}>
        {conditions.map((condition, i) => (
          <li key={i}>
            {i > 0 && <span className="sph-muted">{segment.any ? e.or : tf.editor.and} </span>}
            {conditionText(condition)}
          </li>
        ))}
      </ul>
      <Group gap={6}>
        <Text size="sm" className="sph-muted">
          {used.length === 0 ? e.unused : e.usedBy}
        </Text>
        {used.map((key) => (
          <Pill key={key} tone="mute">
            <Link to="/flags/$project/$key" params={{ project: segment.project, key }}>
              {key}
            </Link>
          </Pill>
        ))}
      </Group>
    </Section>
  );
}

function SegmentDialog({
  project,
  segment,
  onClose,
}: {
  project: string;
  segment?: Segment;
  onClose: () => void;
}) {
  const queryClient = useQueryClient();
  const [key, setKey] = useState(segment?.key ?? '');
  const [title, setTitle] = useState(segment?.title ?? '');
  const [description, setDescription] = useState(segment?.description ?? '');
  const [any, setAny] = useState(segment?.any ?? false);
  const [conditions, setConditions] = useState<Condition[]>(
    (segment?.conditions as Condition[] | undefined) ?? [
      { attribute: 'accountId', operator: 'is', values: [] },
    ],
  );
  const [strict, setStrict] = useState(false);
  const save = useMutation({
    mutationFn: () =>
      api.post('/v1/flag-projects/{project}/segments', { path: { project } }, {
        key: key.trim(),
        title: title.trim(),
        description,
        any,
        conditions,
        version: segment?.version,
      } as never),
    onSuccess: (answer) => {
      toastDone(e.saved(answer.segment.title || answer.segment.key));
      void queryClient.invalidateQueries({ queryKey: ['flag'] });
      onClose();
    },
  });
  const errors = isApiError(save.error) ? save.error.fieldErrors() : {};
  const incomplete = conditions.some((condition) => conditionProblem(condition));
  return (
    <Dialog opened onClose={onClose} title={segment ? e.edit(segment.title || segment.key) : e.add} size="lg">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setStrict(true);
          if (!incomplete) save.mutate();
        }}
      >
        <Stack gap="md">
          <Group grow align="flex-start">
            <TextInput
              label={e.name}
              data-autofocus
              maxLength={200}
              value={title}
              error={errors.title}
              onChange={(event) => {
                const next = event.currentTarget.value;
                if (!segment && key === keyOf(title)) setKey(keyOf(next));
                setTitle(next);
              }}
            />
            <TextInput
              label={e.key}
              required
              disabled={segment !== undefined}
              maxLength={100}
              value={key}
              error={errors.key}
              onChange={(event) => setKey(event.currentTarget.value)}
            />
          </Group>
          <Textarea
            label={e.about}
            autosize
            maxLength={4000}
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          <Radio.Group
            label={e.conditions}
            value={any ? 'any' : 'all'}
            onChange={(value) => setAny(value === 'any')}
          >
            <Group gap="md" mt={4}>
              <Radio size="sm" value="all" label={e.allOf} />
              <Radio size="sm" value="any" label={e.anyOf} />
            </Group>
          </Radio.Group>
          <ConditionsEditor
            conditions={conditions}
            onChange={setConditions}
            between={any ? e.or : tf.editor.and}
            strict={strict}
          />
          {segment && segment.usedBy.length > 0 && (
            <Text size="sm" className="sph-muted">
              {e.preview(segment.usedBy.length)}
            </Text>
          )}
          {save.error && <SaveError error={save.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" disabled={!key.trim()} loading={save.isPending}>
              {e.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

/** A key made of a name: "Beta customers" becomes "beta-customers". */
export function keyOf(name: string): string {
  return name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9._]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 100);
}
