import { Button, Text } from '@mantine/core';
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import type { Action, Difference, Run, SavedPlan } from '~/api/types';
import { PlanDifferences } from '~/features/plan/PlanDifferences';
import { PlanView } from '~/features/plan/PlanView';
import { runQuery } from '~/features/run/queries';
import { tw } from '~/strings/work';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import css from './create.module.css';

export const planQuery = (id: string) =>
  queryOptions({
    queryKey: ['plan', id],
    queryFn: async ({ signal }) => (await api.get('/v1/plans/{id}', { path: { id }, signal })).plan,
    staleTime: Infinity,
  });

type Props = {
  action: Action;
  planId: string;
  /** What changed since the plan that was shown before this one. */
  differences?: Difference[];
  onChanged: (plan: SavedPlan, differences: Difference[]) => void;
  onBack: () => void;
  onStarted: (run: Run) => void;
};

/** The whole plan and the one button that makes it happen. */
export function PlanStage({ action, planId, differences, onChanged, onBack, onStarted }: Props) {
  const queryClient = useQueryClient();
  const plan = useQuery(planQuery(planId));
  const apply = useMutation({
    mutationFn: () =>
      api.post('/v1/actions/{action}/runs', { path: { action: action.identifier } }, { planId }),
    onSuccess: ({ run }) => {
      queryClient.setQueryData(runQuery(run.id).queryKey, run);
      onStarted(run);
    },
    onError: (error) => {
      if (!isApiError(error, 'plan_changed')) return;
      const data = error.data as { differences?: Difference[]; plan?: SavedPlan } | undefined;
      if (!data?.plan) return;
      queryClient.setQueryData(planQuery(data.plan.id).queryKey, data.plan);
      onChanged(data.plan, data.differences ?? []);
    },
  });
  useEffect(() => {
    window.scrollTo({ top: 0 });
  }, [planId]);
  const back = (
    <Button variant="default" onClick={onBack} disabled={apply.isPending}>
      {tw.create.back}
    </Button>
  );
  if (isApiError(plan.error, 'not_found')) {
    return <EmptyState title={tw.create.noApply} text={tw.create.expired} action={back} />;
  }
  if (!plan.data) {
    if (plan.error) return <ErrorState error={plan.error} retry={() => void plan.refetch()} />;
    return (
      <div className="sph-card">
        <Skeletons rows={8} />
      </div>
    );
  }
  const failed = apply.error && !isApiError(apply.error, 'plan_changed') ? apply.error : undefined;
  return (
    <>
      {differences && <PlanDifferences differences={differences} />}
      <PlanView plan={plan.data.plan} />
      {failed && (
        <div className="sph-card">
          <ErrorState error={failed} title={tw.create.formProblem} />
        </div>
      )}
      <div className={css.foot}>
        {back}
        <span style={{ display: 'flex', alignItems: 'center', gap: 12 }}>
          <Text size="xs" className="sph-muted" visibleFrom="sm">
            {tw.plan.nothingYet}
          </Text>
          <Button loading={apply.isPending} onClick={() => apply.mutate()}>
            {action.title}
          </Button>
        </span>
      </div>
    </>
  );
}
