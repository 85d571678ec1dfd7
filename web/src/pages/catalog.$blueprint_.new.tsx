import { Button, Group } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { blueprintQuery, entityQuery, meQuery } from '~/api/queries';
import type { Blueprint } from '~/api/types';
import { EntityForm, focusField } from '~/features/entityForm/EntityForm';
import { blank, createBody, problemsOf, type Problems } from '~/features/entityForm/form';
import { SaveProblem } from '~/features/entityForm/SaveProblem';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { LeaveGuard } from '~/ui/LeaveGuard';
import { ButtonLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState, Skeletons } from '~/ui/States';
import { toastDone } from '~/ui/toast';

export const Route = createFileRoute('/catalog/$blueprint_/new')({
  loader: ({ context, params }) => context.queryClient.prefetchQuery(blueprintQuery(params.blueprint)),
  component: NewEntityPage,
});

function NewEntityPage() {
  const { blueprint: bp } = Route.useParams();
  const { data, error, refetch } = useQuery(blueprintQuery(bp));
  const me = useQuery(meQuery).data;
  const kind = data?.title || bp;
  return (
    <div className="sph-page narrow">
      <PageHeader
        title={tc.form.newTitle(kind)}
        description={data?.description}
        crumbs={[
          { label: t.catalog.title, link: { to: '/catalog' } },
          { label: kind, link: { to: '/catalog/$blueprint', params: { blueprint: bp } } },
          { label: tc.form.newTitle(kind) },
        ]}
      />
      {data && me ? (
        <Form key={bp} blueprint={data} teams={me.user.teams} />
      ) : error ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <Skeletons />
      )}
    </div>
  );
}

const formId = 'entity-form';

function Form({ blueprint, teams }: { blueprint: Blueprint; teams: string[] }) {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [values, setValues] = useState(() => blank(blueprint, teams.slice(0, 1)));
  const [serverProblems, setServerProblems] = useState<Problems>({});
  // Not a state: the guard is asked in the very event that ends the form.
  const dirty = useRef(false);
  const create = useMutation({
    mutationFn: () =>
      api.post(
        '/v1/blueprints/{bp}/entities',
        { path: { bp: blueprint.identifier } },
        createBody(blueprint, values),
      ),
    onSuccess: async ({ entity }) => {
      dirty.current = false;
      queryClient.setQueryData(entityQuery(entity.blueprint, entity.identifier).queryKey, entity);
      toastDone(tc.form.created(entity.title || entity.identifier));
      await navigate({
        to: '/e/$blueprint/$id',
        params: { blueprint: entity.blueprint, id: entity.identifier },
      });
    },
    onError: (error) => {
      if (!isApiError(error)) return;
      const { fields } = problemsOf(error);
      setServerProblems(fields);
      const first = Object.keys(fields)[0];
      if (first) setTimeout(() => focusField(first));
    },
  });
  return (
    <>
      <EntityForm
        id={formId}
        blueprint={blueprint}
        values={values}
        serverProblems={serverProblems}
        onChange={(next, key) => {
          dirty.current = true;
          setValues(next);
          const { [key]: _, ...rest } = serverProblems;
          setServerProblems(rest);
        }}
        onSubmit={() => create.mutate()}
      />
      <SaveProblem error={create.error} />
      <Group justify="flex-end" gap="xs">
        <ButtonLink variant="default" to="/catalog/$blueprint" params={{ blueprint: blueprint.identifier }}>
          {tc.form.cancel}
        </ButtonLink>
        <Button type="submit" form={formId} loading={create.isPending}>
          {tc.form.create}
        </Button>
      </Group>
      <LeaveGuard active={() => dirty.current} />
    </>
  );
}
