import { Button, Group, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { blueprintQuery, entityQuery } from '~/api/queries';
import type { Blueprint, Entity } from '~/api/types';
import { EntityForm, focusField } from '~/features/entityForm/EntityForm';
import { changesOf, filled, patchBody, problemsOf, type Problems } from '~/features/entityForm/form';
import { ReviewDialog } from '~/features/entityForm/ReviewDialog';
import { SaveProblem } from '~/features/entityForm/SaveProblem';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { LeaveGuard } from '~/ui/LeaveGuard';
import { ButtonLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone } from '~/ui/toast';

export const Route = createFileRoute('/e/$blueprint/$id_/edit')({
  loader: ({ context, params }) =>
    Promise.all([
      context.queryClient.prefetchQuery(blueprintQuery(params.blueprint)),
      context.queryClient.prefetchQuery(entityQuery(params.blueprint, params.id)),
    ]),
  component: EditPage,
});

function EditPage() {
  const { blueprint: bp, id } = Route.useParams();
  const blueprint = useQuery(blueprintQuery(bp));
  const entity = useQuery(entityQuery(bp, id));
  const error = entity.error ?? blueprint.error;
  const title = entity.data?.title || id;
  return (
    <div className="sph-page narrow">
      <PageHeader
        title={tc.form.editTitle(title)}
        crumbs={[
          { label: t.catalog.title, link: { to: '/catalog' } },
          {
            label: blueprint.data?.title || bp,
            link: { to: '/catalog/$blueprint', params: { blueprint: bp } },
          },
          { label: title, link: { to: '/e/$blueprint/$id', params: { blueprint: bp, id } } },
          { label: tc.form.edit },
        ]}
      />
      {blueprint.data && entity.data ? (
        <Form key={`${bp}/${id}`} blueprint={blueprint.data} entity={entity.data} />
      ) : error ? (
        <ErrorState
          error={error}
          retry={() => {
            void blueprint.refetch();
            void entity.refetch();
          }}
        />
      ) : (
        <Skeletons />
      )}
    </div>
  );
}

const formId = 'entity-form';

function Form({ blueprint, entity }: { blueprint: Blueprint; entity: Entity }) {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  // The form keeps what it began with, also when the cache gets newer data.
  const [base] = useState(entity);
  const [values, setValues] = useState(() => filled(blueprint, base));
  const [serverProblems, setServerProblems] = useState<Problems>({});
  const [fresh, setFresh] = useState<Entity>();
  const done = useRef(false);
  const changes = changesOf(blueprint, base, values);
  const path = { bp: base.blueprint, id: base.identifier };
  const back = { to: '/e/$blueprint/$id', params: { blueprint: path.bp, id: path.id } } as const;

  const review = useMutation({
    mutationFn: () =>
      queryClient.fetchQuery({ ...entityQuery(base.blueprint, base.identifier), staleTime: 0 }),
    onSuccess: setFresh,
  });
  const save = useMutation({
    mutationFn: () => api.patch('/v1/blueprints/{bp}/entities/{id}', { path }, patchBody(changes)),
    onSuccess: async (answer) => {
      done.current = true;
      queryClient.setQueryData(entityQuery(path.bp, path.id).queryKey, answer.entity);
      void queryClient.invalidateQueries({ queryKey: ['entity'] });
      toastDone(tc.form.saved(answer.entity.title || path.id));
      await navigate(back);
    },
    onError: (error) => {
      setFresh(undefined);
      if (!isApiError(error)) return;
      const { fields } = problemsOf(error);
      setServerProblems(fields);
      const first = Object.keys(fields)[0];
      if (first) setTimeout(() => focusField(first), 50);
    },
  });
  return (
    <>
      <EntityForm
        id={formId}
        existing
        blueprint={blueprint}
        values={values}
        serverProblems={serverProblems}
        onChange={(next, key) => {
          setValues(next);
          const { [key]: _, ...rest } = serverProblems;
          setServerProblems(rest);
        }}
        onSubmit={() => {
          if (changes.length > 0) review.mutate();
        }}
      />
      <SaveProblem error={save.error ?? review.error} />
      <Group justify="flex-end" gap="xs">
        <Text size="sm" className="sph-muted num" aria-live="polite">
          {changes.length === 0
            ? tc.form.nothingChanged
            : tc.form.changedFields(plural(changes.length, 'field'))}
        </Text>
        <ButtonLink variant="default" {...back}>
          {tc.form.cancel}
        </ButtonLink>
        <Button type="submit" form={formId} disabled={changes.length === 0} loading={review.isPending}>
          {tc.form.review}
        </Button>
      </Group>
      {fresh && (
        <ReviewDialog
          blueprint={blueprint}
          base={base}
          fresh={fresh}
          changes={changes}
          saving={save.isPending}
          onSave={() => save.mutate()}
          onClose={() => setFresh(undefined)}
        />
      )}
      <LeaveGuard active={() => !done.current && changes.length > 0} />
    </>
  );
}
