import { Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { CommitStatus, PullRequest } from '~/api/types';
import { humanise } from '~/lib/words';
import { tw } from '~/strings/work';
import { Pill, When, type Tone } from '~/ui/bits';
import { PortalLink } from '~/features/run/PortalLink';

const tones: Record<string, Tone> = { open: 'ok', merged: 'info', closed: 'mute' };

export function PullState({ state }: { state: string }) {
  return (
    <Pill tone={tones[state] ?? 'mute'} dot>
      {tw.forge.pullState[state] ?? humanise(state)}
    </Pill>
  );
}

/** One pull request in a list. */
export function PullRow({ pull }: { pull: PullRequest }) {
  return (
    <div className="sph-row sph-line">
      <PullState state={pull.state} />
      <Text size="sm" className="sph-line-text" component="div">
        <Link to="/forge/$repo/pulls/$number" params={{ repo: pull.repository, number: String(pull.number) }}>
          {pull.title}
        </Link>{' '}
        <span className="sph-muted">#{pull.number}</span>
      </Text>
      <Text size="xs" className="sph-muted">
        {pull.author.name} · <When at={pull.updatedAt} />
      </Text>
    </div>
  );
}

const statusTones: Record<string, Tone> = { success: 'ok', failure: 'bad', pending: 'warn' };

/** The checks of a commit, e.g. of a CI job. */
export function Statuses({ statuses }: { statuses: CommitStatus[] }) {
  return statuses.map((status) => (
    <div key={status.context} className="sph-row sph-line">
      <Pill tone={statusTones[status.state] ?? 'mute'} dot>
        {tw.forge.statusState[status.state] ?? humanise(status.state)}
      </Pill>
      <Text size="sm" className="sph-line-text" component="div">
        <PortalLink to={status.url}>{status.context}</PortalLink>
        {status.description && (
          <Text size="xs" className="sph-muted">
            {status.description}
          </Text>
        )}
      </Text>
    </div>
  ));
}
