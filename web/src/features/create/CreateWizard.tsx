import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { actionsQuery, meQuery } from '~/api/queries';
import type { Action, Difference, SavedPlan, User } from '~/api/types';
import { RunPage } from '~/features/run/RunPage';
import { tw } from '~/strings/work';
import { ButtonLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, PageSkeleton } from '~/ui/States';
import { draftKey, dropDraft, loadDraft } from './draft';
import { InputStage } from './InputStage';
import { LeaveGuard } from './LeaveGuard';
import { PlanStage } from './PlanStage';
import { defaults, fieldsOf, fromText, type Values } from './schema';
import { Stages } from './Stages';
import { answersIn, type WizardSearch } from './wizardSearch';

export type Go = (search: WizardSearch, options?: { replace?: boolean }) => void;

type Props = { actionId: string; search: WizardSearch; go: Go };

/** From the answers over the plan to the live run and its result, in one flow. */
export function CreateWizard(props: Props) {
  const actions = useQuery(actionsQuery);
  const me = useQuery(meQuery).data;
  if (!actions.data || !me) {
    if (actions.error) return <ErrorState error={actions.error} retry={() => void actions.refetch()} />;
    return <PageSkeleton />;
  }
  const action = actions.data.find((each) => each.identifier === props.actionId);
  if (!action) {
    return (
      <div className="sph-page">
        <PageHeader title={tw.create.title} />
        <EmptyState
          title={tw.create.unknownAction(props.actionId)}
          action={<ButtonLink to="/create">{tw.create.allActions}</ButtonLink>}
        />
      </div>
    );
  }
  return <Wizard {...props} action={action} user={me.user} />;
}

/** What the form starts with: usual values, my team, the draft, then what the address says. */
export function startValues(
  action: Action,
  user: User,
  draft: Values | undefined,
  search: WizardSearch,
): Values {
  const values = defaults(action.input);
  for (const field of fieldsOf(action.input)) {
    if (field['x-team'] && values[field.name] === undefined && user.teams?.[0]) {
      values[field.name] = user.teams[0];
    }
  }
  Object.assign(values, draft);
  for (const [name, text] of Object.entries(answersIn(search))) {
    const property = action.input.properties[name];
    if (property && !property['x-secret']) values[name] = fromText(property, text);
  }
  return values;
}

function Wizard({ action, user, search, go }: Props & { action: Action; user: User }) {
  const key = draftKey(user.id, action.identifier, search.entity);
  const [draft] = useState(() => loadDraft(key, action.input));
  const [values, setValues] = useState(() => startValues(action, user, draft, search));
  const [fresh, setFresh] = useState(() => !draft);
  const [changed, setChanged] = useState(false);
  const [differences, setDifferences] = useState<Difference[]>();
  const stage = search.step === 'run' && search.run ? 'run' : search.plan ? 'plan' : 'input';
  const crumbs = useMemo(
    () => [{ label: tw.create.title, link: { to: '/create' as const } }, { label: action.title }],
    [action.title],
  );

  const toPlan = (plan: SavedPlan, found?: Difference[]) => {
    setDifferences(found);
    go({ entity: search.entity, step: 'plan', plan: plan.id }, { replace: Boolean(found) });
  };
  const stages = (
    <Stages stage={stage} onBack={stage === 'plan' ? () => go({ entity: search.entity }) : undefined} />
  );
  if (stage === 'run') {
    return (
      <RunPage
        key={search.run}
        id={search.run!}
        step={search.log}
        onStep={(log) => go({ ...search, log: log ?? '' }, { replace: true })}
        crumbs={crumbs}
        above={stages}
      />
    );
  }
  return (
    <div className="sph-page narrow">
      <PageHeader title={action.title} description={<Intro action={action} />} crumbs={crumbs} />
      {stages}
      {stage === 'plan' ? (
        <PlanStage
          action={action}
          planId={search.plan!}
          differences={differences}
          onChanged={toPlan}
          onBack={() => go({ entity: search.entity })}
          onStarted={(run) => {
            dropDraft(key);
            setChanged(false);
            go({ entity: search.entity, step: 'run', run: run.id }, { replace: true });
          }}
        />
      ) : (
        <InputStage
          action={action}
          entity={search.entity}
          onEntity={(entity) => go({ ...search, entity: entity || undefined }, { replace: true })}
          values={values}
          draftKey={key}
          fromDraft={!fresh}
          onValues={(next) => {
            setValues(next);
            setChanged(true);
          }}
          onStartOver={() => {
            dropDraft(key);
            setFresh(true);
            setChanged(false);
            setValues(startValues(action, user, undefined, search));
          }}
          onPlan={(plan) => toPlan(plan)}
        />
      )}
      <LeaveGuard active={changed} />
    </div>
  );
}

function Intro({ action }: { action: Action }) {
  const { stats } = action;
  return (
    <>
      {action.description}
      {stats && stats.runs > 0 && <> {tw.create.last(stats.medianMillis, stats.runs)}</>}
    </>
  );
}
