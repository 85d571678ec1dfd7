import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { PullRequest } from '~/api/types';
import { tw } from '~/strings/work';
import { Pill, When, type Tone } from '~/ui/bits';
import { LazyMarkdown } from './LazyMarkdown';
import css from './forge.module.css';

type Item = { key: string; at: string; head: ReactNode; body: string };

/** What was said about a pull request, oldest first. */
export function PullThread({ pull }: { pull: PullRequest }) {
  const items: Item[] = [
    ...(pull.comments ?? []).map((comment, i) => ({
      key: `comment ${comment.id ?? i}`,
      at: comment.at,
      head: <strong>{tw.forge.commented(comment.by.name)}</strong>,
      body: comment.body,
    })),
    ...(pull.reviews ?? []).map((review, i) => ({
      key: `review ${i}`,
      at: review.at,
      head: <ReviewHead name={review.by.name} verdict={review.verdict} stale={review.stale} />,
      body: review.body,
    })),
  ].toSorted((a, b) => a.at.localeCompare(b.at));
  return (
    <>
      <Said at={pull.createdAt} head={<strong>{tw.forge.describedBy(pull.author.name)}</strong>}>
        {pull.body ? (
          <LazyMarkdown text={pull.body} />
        ) : (
          <Text size="sm" className="sph-muted">
            {tw.forge.noDescription}
          </Text>
        )}
      </Said>
      {items.map((item) => (
        <Said key={item.key} at={item.at} head={item.head}>
          {item.body && <LazyMarkdown text={item.body} />}
        </Said>
      ))}
    </>
  );
}

const tones: Record<string, Tone> = { approve: 'ok', request_changes: 'bad' };

function ReviewHead({ name, verdict, stale }: { name: string; verdict: string; stale: boolean }) {
  return (
    <>
      <Pill tone={stale ? 'mute' : (tones[verdict] ?? 'mute')} dot>
        {verdict === 'approve' ? tw.forge.approved(name) : tw.forge.requestedChanges(name)}
      </Pill>
      {stale && <Pill tone="warn">{tw.forge.stale}</Pill>}
    </>
  );
}

function Said({ at, head, children }: { at: string; head: ReactNode; children?: ReactNode }) {
  return (
    <article className="sph-card">
      <div className={css.said}>
        {head}
        <span className="sph-muted">
          <When at={at} />
        </span>
      </div>
      {children && <div className={css.body}>{children}</div>}
    </article>
  );
}
