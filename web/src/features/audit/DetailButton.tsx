import { Anchor, Code } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import type { AuditEvent } from '~/api/types';
import { fullTime } from '~/lib/format';
import { tw } from '~/strings/work';
import { CopyButton, Fact, Facts } from '~/ui/bits';
import { Outcome } from './EventLine';
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
        <Fact name={tw.insights.actor}>
          {event.actorName} <span className="mono">{event.actor}</span>
        </Fact>
        <Fact name={tw.insights.outcome}>
          <Outcome outcome={event.outcome} />
        </Fact>
        <Fact name={tw.insights.time}>{fullTime(event.at)}</Fact>
        {event.requestId && (
          <Fact name={tw.insights.request}>
            <span className="mono">{event.requestId}</span> <CopyButton value={event.requestId} size="xs" />
          </Fact>
        )}
      </Facts>
      {event.detail !== undefined && event.detail !== null && (
        <Code block mt="sm">
          {JSON.stringify(event.detail, null, 2)}
        </Code>
      )}
    </>
  );
}
