import { Anchor, Code } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import type { AuditEvent } from '~/api/types';
import { fullTime } from '~/lib/format';
import { ta } from '~/strings/audit';
import { tw } from '~/strings/work';
import { CopyButton, Fact, Facts } from '~/ui/bits';
import { ObjectLink, Outcome } from './EventLine';
import { Dialog } from '~/ui/Dialog';

/** Opens all that is kept about an entry. */
export function DetailButton({ event, children }: { event: AuditEvent; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Anchor component="button" type="button" size="sm" onClick={() => setOpen(true)}>
        {children}
      </Anchor>
      <Dialog opened={open} onClose={() => setOpen(false)} title={tw.insights.entry(event.seq)} size="lg">
        <Detail event={event} />
      </Dialog>
    </>
  );
}

function Detail({ event }: { event: AuditEvent }) {
  return (
    <>
      <Facts>
        <Fact name={tw.insights.verb}>
          <span className="mono">{event.verb}</span>
        </Fact>
        <Fact name={tw.insights.object}>
          <span className="mono">{event.object}</span>
        </Fact>
        {event.entity && event.entity !== event.object && (
          <Fact name={ta.log.entity}>
            <ObjectLink object={event.entity} />
          </Fact>
        )}
        <Fact name={tw.insights.actor}>
          {event.actorName} <span className="mono">{event.actor}</span>
        </Fact>
        {event.onBehalfOf && (
          <Fact name={ta.log.onBehalfOf}>
            <span className="mono">{event.onBehalfOf}</span>
          </Fact>
        )}
        {event.via && <Fact name={ta.log.via}>{ta.log.vias[event.via] ?? event.via}</Fact>}
        {event.address && (
          <Fact name={ta.log.address}>
            <span className="mono">{event.address}</span>
          </Fact>
        )}
        <Fact name={tw.insights.outcome}>
          <Outcome outcome={event.outcome} />
        </Fact>
        {event.rule && (
          <Fact name={ta.log.rule}>
            <span className="mono">{event.rule}</span>
          </Fact>
        )}
        <Fact name={tw.insights.time}>{fullTime(event.at)}</Fact>
        {event.requestId && (
          <Fact name={tw.insights.request}>
            <span className="mono">{event.requestId}</span> <CopyButton value={event.requestId} size="xs" />
          </Fact>
        )}
      </Facts>
      {event.detail !== undefined && event.detail !== null && (
        <Code block mt="sm" tabIndex={0}>
          {JSON.stringify(event.detail, null, 2)}
        </Code>
      )}
    </>
  );
}
