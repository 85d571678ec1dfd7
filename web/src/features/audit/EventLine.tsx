import { Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { AuditEvent } from '~/api/types';
import { humanise, splitEntity } from '~/lib/words';
import { t } from '~/strings';
import { tw } from '~/strings/work';
import { Pill, When, type Tone } from '~/ui/bits';

const tones: Record<AuditEvent['outcome'], Tone> = { success: 'ok', denied: 'warn', failure: 'bad' };

export function Outcome({ outcome }: { outcome: AuditEvent['outcome'] }) {
  return (
    <Pill tone={tones[outcome] ?? 'mute'} dot>
      {tw.insights.outcomes[outcome] ?? outcome}
    </Pill>
  );
}

/** "entity.create" as people say it: "Entity create". */
export function verbText(verb: string): string {
  return t.audit.verbs[verb] ?? humanise(verb);
}

/** The object of an entry as a link to its page, where it has one. */
export function ObjectLink({ object }: { object: string }): ReactNode {
  const parts = splitEntity(object);
  if (!parts) return object;
  if (parts.blueprint === 'run') {
    return (
      <Link to="/runs/$id" params={{ id: parts.identifier }}>
        {tw.insights.run} <span className="mono">{parts.identifier.slice(-8)}</span>
      </Link>
    );
  }
  if (parts.blueprint === 'repository') {
    return (
      <Link to="/forge/$repo" params={{ repo: parts.identifier }}>
        {parts.identifier}
      </Link>
    );
  }
  if (parts.blueprint === 'pull-request') {
    const at = parts.identifier.lastIndexOf('/');
    const repo = parts.identifier.slice(0, at);
    const number = parts.identifier.slice(at + 1);
    return (
      <Link to="/forge/$repo/pulls/$number" params={{ repo, number }}>
        {repo} #{number}
      </Link>
    );
  }
  // Blueprints begin with a capital letter; what the portal itself keeps does not.
  if (!/^[A-Z]/.test(parts.blueprint)) {
    const short = parts.identifier.length > 30 ? parts.identifier.slice(-8) : parts.identifier;
    return (
      <span title={object}>
        {humanise(parts.blueprint)} <span className="mono">{short}</span>
      </span>
    );
  }
  return (
    <>
      <Link to="/e/$blueprint/$id" params={{ blueprint: parts.blueprint, id: parts.identifier }}>
        {parts.identifier}
      </Link>{' '}
      <span className="sph-muted">{parts.blueprint}</span>
    </>
  );
}

/** One entry of the audit log in a short list. */
export function EventLine({ event, withoutObject }: { event: AuditEvent; withoutObject?: boolean }) {
  return (
    <div className="sph-row sph-line">
      <Text size="sm" className="sph-line-text sph-prose" component="div">
        {verbText(event.verb)}
        {!withoutObject && !event.verb.startsWith('auth.') && (
          <>
            {' '}
            <ObjectLink object={event.object} />
          </>
        )}
        {event.outcome !== 'success' && (
          <>
            {' '}
            <Outcome outcome={event.outcome} />
          </>
        )}
      </Text>
      <Text size="xs" className="sph-muted">
        {event.actorName || event.actor} · <When at={event.at} />
      </Text>
    </div>
  );
}
