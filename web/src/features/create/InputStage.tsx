import { Button, Group, Menu, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import type { Action, SavedPlan } from '~/api/types';
import { tw } from '~/strings/work';
import { IconCheck, IconChevronDown, IconCopy } from '~/ui/icons';
import { ErrorState } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { asCommand, asCurl } from './copyAs';
import { saveDraft } from './draft';
import { EntityPicker } from './pickers';
import { SchemaForm } from './SchemaForm';
import { check, inputOf, type Problems, type Values } from './schema';
import { useNameCheck } from './useNameCheck';
import css from './create.module.css';

type Props = {
  action: Action;
  entity?: string;
  onEntity: (entity: string) => void;
  values: Values;
  onValues: (values: Values) => void;
  draftKey: string;
  fromDraft: boolean;
  onStartOver: () => void;
  onPlan: (plan: SavedPlan) => void;
};

const formId = 'action-form';
const none: Problems = {};

/** The answers. Asking for the plan checks them on the server and changes nothing. */
export function InputStage(props: Props) {
  const { action, entity, values, onValues, draftKey, onPlan } = props;
  const [serverProblems, setServerProblems] = useState<Problems>(none);
  const [entityMissing, setEntityMissing] = useState(false);
  const problems = useMemo(() => check(action.input, values), [action.input, values]);
  const names = useNameCheck(
    action.identifier,
    (field) => values[field],
    Object.keys(problems).every((field) => field !== 'name'),
  );
  const taken = names?.state === 'taken' ? names : undefined;
  const extra = useMemo(
    () => (taken ? { [taken.field]: tw.create.taken(taken.name) } : none),
    [taken?.field, taken?.name], // oxlint-disable-line react/exhaustive-deps
  );
  useEffect(() => saveDraft(draftKey, action.input, values), [draftKey, action.input, values]);

  const plan = useMutation({
    mutationFn: () =>
      api.post(
        '/v1/actions/{action}/plans',
        { path: { action: action.identifier } },
        { input: inputOf(action.input, values), entity: entity || undefined },
      ),
    onSuccess: (answer) => onPlan(answer.plan),
    onError: (error) => {
      const found = isApiError(error) ? knownProblems(action, error.fieldErrors()) : none;
      setServerProblems(found);
    },
  });
  const submit = () => {
    if (action.blueprint && !entity) {
      setEntityMissing(true);
      document.getElementById('action-entity')?.focus();
      return;
    }
    setServerProblems(none);
    plan.mutate();
  };
  if (!action.allowed) return <Refused action={action} />;
  return (
    <>
      <div className={`sph-card ${css.form}`}>
        {props.fromDraft && (
          <Text size="sm" className="sph-muted" mb="md">
            {tw.create.draftKept}{' '}
            <Button size="compact-sm" variant="subtle" onClick={props.onStartOver}>
              {tw.create.startOver}
            </Button>
          </Text>
        )}
        {action.blueprint && (
          <EntityPicker
            id="action-entity"
            mb="lg"
            required
            withAsterisk
            blueprint={action.blueprint}
            label={tw.create.needsEntity(action.blueprint)}
            description={tw.create.needsEntityText}
            value={entity ?? ''}
            error={entityMissing && !entity ? tw.create.problems.required : undefined}
            onChange={props.onEntity}
          />
        )}
        <SchemaForm
          id={formId}
          schema={action.input}
          values={values}
          serverProblems={serverProblems}
          extraProblems={extra}
          hints={
            names && !serverProblems[names.field] ? { [names.field]: <NameHint check={names} /> } : undefined
          }
          onChange={(name, value) => {
            onValues({ ...values, [name]: value });
            if (serverProblems[name]) {
              const { [name]: _, ...rest } = serverProblems;
              setServerProblems(rest);
            }
          }}
          onSubmit={submit}
        />
      </div>
      <PlanError action={action} error={plan.error} />
      <div className={css.foot}>
        <CopyAs action={action} values={values} entity={entity} />
        <Button type="submit" form={formId} loading={plan.isPending}>
          {tw.create.continue}
        </Button>
      </div>
    </>
  );
}

/** The problems that belong to a field of the form; the rest is shown above the buttons. */
function knownProblems(action: Action, found: Problems): Problems {
  return Object.fromEntries(
    Object.entries(found).filter(([field]) => action.input.properties[field] !== undefined),
  );
}

function PlanError({ action, error }: { action: Action; error: Error | null }) {
  if (!error) return null;
  if (!isApiError(error, 'validation_error')) {
    return (
      <div className="sph-card">
        <ErrorState error={error} title={tw.create.formProblem} />
      </div>
    );
  }
  const other = error.details.filter((d) => !d.field || !action.input.properties[d.field]);
  if (error.details.length > 0 && other.length === 0) return null;
  return (
    <div role="alert" className={css.problem}>
      <strong>{tw.create.formProblem}</strong>
      {other.length === 0 && <div>{error.message}</div>}
      {other.map((d) => (
        <div key={`${d.field} ${d.problem}`}>
          {[d.field, d.problem].filter(Boolean).join(' ')}
          {d.expected && ` (${d.expected})`}
        </div>
      ))}
    </div>
  );
}

function Refused({ action }: { action: Action }) {
  return (
    <div className={`sph-card ${css.form}`}>
      <Text fw={600}>{tw.create.notAllowed}</Text>
      <Text size="sm">{action.reason}</Text>
    </div>
  );
}

function NameHint({ check }: { check: NonNullable<ReturnType<typeof useNameCheck>> }) {
  if (check.state === 'taken') return null;
  return (
    <span className={css.hint} aria-live="polite">
      {check.state === 'checking' ? (
        tw.create.checkingName
      ) : (
        <span className={`${css.hint} ${css.free}`}>
          <IconCheck size={13} aria-hidden /> {tw.create.free(check.name)}
        </span>
      )}
    </span>
  );
}

function CopyAs({ action, values, entity }: { action: Action; values: Values; entity?: string }) {
  const command = asCommand(action, values, entity);
  const copy = async (text: string, said: string) => {
    try {
      await navigator.clipboard.writeText(text);
      toastDone(said);
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <Group>
      <Menu position="top-start">
        <Menu.Target>
          <Button
            variant="default"
            leftSection={<IconCopy size={16} aria-hidden />}
            rightSection={<IconChevronDown size={14} aria-hidden />}
          >
            {tw.create.copyAs}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => void copy(command, tw.create.copied.cli)}>{tw.create.copyCli}</Menu.Item>
          <Menu.Item
            onClick={() => void copy(asCurl(action, values, location.origin, entity), tw.create.copied.curl)}
          >
            {tw.create.copyCurl}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
