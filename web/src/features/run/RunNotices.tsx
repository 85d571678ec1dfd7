import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { meQuery } from '~/api/queries';
import type { Run } from '~/api/types';
import { tw } from '~/strings/work';
import { When } from '~/ui/bits';
import { ButtonLink, TextLink } from '~/ui/links';
import { failedStep, likelyCause } from './failure';
import { PortalLink } from './PortalLink';
import { millis } from './timing';
import type { StreamState } from './useRunStream';
import css from './run.module.css';

/** What somebody has to know about a run before its details. */
export function RunNotices({ run, stream }: { run: Run; stream: StreamState }) {
  return (
    <>
      {stream === 'reconnecting' && (
        <div role="status" className={`${css.notice} ${css.warn}`}>
          <Text size="sm">{tw.run.reconnecting}</Text>
        </div>
      )}
      {run.blockedBy && (
        <div className={`${css.notice} ${css.warn}`}>
          <Text size="sm">
            {tw.run.blockedBy}.{' '}
            <TextLink to="/runs/$id" params={{ id: run.blockedBy }} size="sm" underline="always">
              {tw.run.openThat}
            </TextLink>
          </Text>
        </div>
      )}
      {run.state === 'waiting' &&
        run.waiting &&
        (run.waiting.kind === 'approval' ? <Approval run={run} /> : <Waiting waiting={run.waiting} />)}
      {run.state === 'failed' && <Failure run={run} />}
    </>
  );
}

function Waiting({ waiting }: { waiting: NonNullable<Run['waiting']> }) {
  return (
    <div className={`${css.notice} ${css.warn}`}>
      <Text size="sm" fw={600}>
        {tw.run.waitingTitle}
      </Text>
      <Text size="sm" component="div" className="sph-prose">
        {waiting.reason} {waiting.url && <PortalLink to={waiting.url}>{tw.run.waitingGo}</PortalLink>}
        {millis(waiting.until) !== undefined && (
          <>
            {' '}
            {tw.run.waitingUntil} <When at={waiting.until} />
          </>
        )}
      </Text>
    </div>
  );
}

function Approval({ run }: { run: Run }) {
  const me = useQuery(meQuery).data?.user;
  return (
    <section className={`${css.notice} ${css.warn}`} aria-label={tw.run.approvalTitle}>
      <Text size="sm" fw={600}>
        {tw.run.approvalTitle}
      </Text>
      <Text size="sm">{run.waiting?.reason}</Text>
      {me?.id === run.actor.id && <Text size="sm">{tw.run.ownRequest}</Text>}
      <ButtonLink to="/approvals/$id" params={{ id: run.id }} size="sm" mt="sm">
        {tw.run.review}
      </ButtonLink>
    </section>
  );
}

function Failure({ run }: { run: Run }) {
  const step = failedStep(run);
  const error = step?.error || run.error || '';
  const cause = likelyCause(error);
  return (
    <section role="alert" className={`${css.notice} ${css.bad}`}>
      <Text size="sm" fw={600}>
        {step ? tw.run.failedAt(step.title) : tw.run.failed}
      </Text>
      {error && (
        <pre className={css.message} tabIndex={0}>
          {error}
        </pre>
      )}
      {cause && (
        <Text size="sm" mt={6}>
          <strong>{tw.run.likely}:</strong> {cause}
        </Text>
      )}
      {!run.undoing && (
        <Text size="sm" mt={6}>
          {run.can.undo ? tw.run.nothingHalf : tw.run.nothingMade}
        </Text>
      )}
    </section>
  );
}
