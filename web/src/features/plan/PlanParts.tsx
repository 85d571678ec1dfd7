import { Code, Text } from '@mantine/core';
import type { Plan } from '~/api/types';
import { humanise } from '~/lib/words';
import { tw } from '~/strings/work';
import { Pill, type Tone } from '~/ui/bits';
import { Group } from './Group';
import css from './plan.module.css';

const toneOfVerb: Record<string, Tone> = {
  create: 'ok',
  add: 'ok',
  start: 'ok',
  remove: 'bad',
  stop: 'bad',
  archive: 'bad',
};

export function Verb({ verb }: { verb: string }) {
  return <Pill tone={toneOfVerb[verb] ?? 'info'}>{tw.plan.verbs[verb] ?? humanise(verb)}</Pill>;
}

type Part = { plan: Plan };

export function PullRequests({ plan }: Part) {
  if (plan.pullRequests.length === 0) return null;
  return (
    <Group title={tw.plan.section.pullRequests!}>
      <div className="sph-divided">
        {plan.pullRequests.map((pull) => (
          <div key={`${pull.repository} ${pull.branch} ${pull.title}`} className={css.row}>
            <span>
              {pull.title} <span className="sph-muted">{pull.repository}</span>
            </span>
            {/rule/.test(pull.merge) ? (
              <Pill tone="ok">{tw.plan.byRule}</Pill>
            ) : (
              <Pill tone="warn">{tw.plan.afterReview}</Pill>
            )}
            <span className={css.detail}>
              {pull.rule && `${tw.plan.rule}: ${pull.rule}`}
              {pull.reviewers && pull.reviewers.length > 0 && (
                <>
                  {pull.rule && ' · '}
                  {tw.plan.reviewers}: {pull.reviewers.map(who).join(', ')}
                </>
              )}
            </span>
          </div>
        ))}
      </div>
    </Group>
  );
}

export function Approvals({ plan }: Part) {
  if (plan.approvals.length === 0) return null;
  return (
    <Group title={tw.plan.section.approvals!}>
      <div className="sph-divided">
        {plan.approvals.map((approval) => (
          <div key={`${approval.rule} ${approval.title}`} className={css.row}>
            <span>
              {approval.need && approval.need > 1 ? `${approval.need} × ${approval.title}` : approval.title}
            </span>
            {approval.auto ? (
              <Pill tone="ok">{tw.plan.approvedByRule}</Pill>
            ) : (
              <Pill tone="warn">{tw.plan.needsPerson}</Pill>
            )}
            <span className={css.detail}>
              {approval.rule && `${tw.plan.rule}: ${approval.rule}`}
              {approval.why && ` · ${approval.why}`}
              {approval.who && approval.who.length > 0 && (
                <>
                  {approval.rule && ' · '}
                  {tw.plan.canApprove}: {approval.who.map(who).join(', ')}
                </>
              )}
            </span>
          </div>
        ))}
      </div>
    </Group>
  );
}

/** "role:infrastructure" as people say it. */
function who(reviewer: string): string {
  return reviewer.startsWith('role:') ? humanise(reviewer.slice(5)) : reviewer;
}

export function Calls({ plan }: Part) {
  if (plan.calls.length === 0) return null;
  return (
    <Group title={tw.plan.section.calls!}>
      <div className="sph-divided">
        {plan.calls.map((call) => (
          <div key={`${call.system} ${call.description}`} className={css.row}>
            <span>{call.description}</span>
            <span className="sph-muted">{call.system}</span>
          </div>
        ))}
      </div>
    </Group>
  );
}

export function CatalogChanges({ plan }: Part) {
  if (plan.catalog.length === 0) return null;
  return (
    <Group title={tw.plan.section.catalog!} aside={<Aside text={tw.plan.catalog(plan.catalog.length)} />}>
      <div className="sph-divided">
        {plan.catalog.map((change) => (
          <div key={`${change.verb} ${change.blueprint}/${change.identifier}`} className={css.row}>
            <span>
              {change.title || change.identifier} <span className="sph-muted">{change.blueprint}</span>
            </span>
            <Verb verb={change.verb} />
            <Values values={{ ...change.properties, ...change.relations }} />
          </div>
        ))}
      </div>
    </Group>
  );
}

/** What an entity gets, on one line each; empty values say nothing. */
function Values({ values }: { values: Record<string, unknown> }) {
  const shown = Object.entries(values).filter(
    ([, value]) => value !== null && value !== '' && !(Array.isArray(value) && value.length === 0),
  );
  if (shown.length === 0) return null;
  return (
    <span className={css.detail}>
      {shown
        .map(([name, value]) => {
          const text = Array.isArray(value)
            ? value.join(', ')
            : typeof value === 'object'
              ? JSON.stringify(value)
              : String(value);
          return `${humanise(name)}: ${text}`;
        })
        .join(' · ')}
    </span>
  );
}

export function Processes({ plan }: Part) {
  if (plan.processes.length === 0) return null;
  return (
    <Group title={tw.plan.section.processes!}>
      <div className="sph-divided">
        {plan.processes.map((process) => (
          <div key={`${process.verb} ${process.service} ${process.environment}`} className={css.row}>
            <span>
              {process.service} <span className="sph-muted">{process.environment}</span>
            </span>
            <Verb verb={process.verb} />
            <span className={css.detail}>
              {process.command && (
                <>
                  {tw.plan.command} <Code>{process.command}</Code>{' '}
                </>
              )}
              {process.limits && (
                <>
                  {tw.plan.limits}: {process.limits}{' '}
                </>
              )}
              {process.address && (
                <>
                  {tw.plan.address} <Code>{process.address}</Code>
                </>
              )}
            </span>
          </div>
        ))}
      </div>
    </Group>
  );
}

/** Cluster objects by environment; held ones are marked, since they must not run yet. */
export function Objects({ plan }: Part) {
  if (plan.objects.length === 0) return null;
  const byEnvironment = new Map<string, Plan['objects']>();
  for (const object of plan.objects) {
    const list = byEnvironment.get(object.environment) ?? [];
    list.push(object);
    byEnvironment.set(object.environment, list);
  }
  return (
    <Group title={tw.plan.section.objects!} aside={<Aside text={tw.plan.objects(plan.objects.length)} />}>
      <div className="sph-divided">
        {[...byEnvironment].map(([environment, objects]) => {
          const held = objects.some((object) => object.held);
          return (
            <div key={environment} className={css.row}>
              <span>{environment}</span>
              {held ? <Pill tone="warn">{tw.plan.held}</Pill> : <Verb verb={objects[0]!.verb} />}
              {held && <span className={css.detail}>{tw.plan.heldText}</span>}
              <span className={css.objects}>
                {objects.map((object) => (
                  <span key={`${object.kind} ${object.name}`}>
                    <span className="sph-muted">{object.kind}</span> {object.name}
                  </span>
                ))}
              </span>
            </div>
          );
        })}
      </div>
    </Group>
  );
}

/** The steps in order, each with what undoing it does. */
export function Steps({ plan, undo }: Part & { undo?: boolean }) {
  if (plan.steps.length === 0) return null;
  return (
    <Group title={tw.plan.section.steps!} aside={<Aside text={tw.plan.steps(plan.steps.length)} />}>
      <ol className={css.steps}>
        {plan.steps.map((step) => (
          <li key={step.name}>
            <span>
              {undo ? capital(step.undo || tw.plan.undoNothing) : step.title}
              <Text span size="xs" className="sph-muted" display="block">
                {undo ? tw.plan.undoes(step.title) : `${tw.plan.undo}: ${step.undo || tw.plan.undoNothing}`}
              </Text>
            </span>
          </li>
        ))}
      </ol>
      {plan.locks.length > 0 && (
        <Text size="xs" className="sph-muted" px="md" pb="sm">
          {tw.plan.locks} {plan.locks.map((lock) => lock.replace(/^.*?:/, '')).join(', ')}
        </Text>
      )}
    </Group>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Aside({ text }: { text: string }) {
  return (
    <Text size="sm" className="sph-muted">
      {text}
    </Text>
  );
}
