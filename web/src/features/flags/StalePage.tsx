import { Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { plural } from '~/lib/format';
import { tf } from '~/strings/flags';
import { Pill, When } from '~/ui/bits';
import { IconFlag, IconGitPullRequest } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { cleanUpAction, cleanUpOfStale } from './cleanUp';
import css from './flags.module.css';
import { FlagsFrame } from './FlagsFrame';
import { staleQuery } from './queries';
import type { Evidence } from './types';

const e = tf.stale;
const shownReferences = 6;

/** Flags that seem to have done their work, with the evidence and never a verdict. */
export function StalePage() {
  const query = useQuery(staleQuery);
  return (
    <FlagsFrame title={e.title} description={e.description}>
      <Note tone="info">{e.caution}</Note>
      {query.isPending && (
        <div className="sph-card">
          <Skeletons rows={6} />
        </div>
      )}
      {query.error && !query.data && (
        <div className="sph-card">
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        </div>
      )}
      {query.data?.length === 0 && (
        <div className="sph-card">
          <EmptyState icon={<IconFlag size={32} />} title={e.none} text={e.noneText} />
        </div>
      )}
      {query.data?.map((evidence) => (
        <EvidenceCard key={`${evidence.project}/${evidence.flag}`} evidence={evidence} />
      ))}
    </FlagsFrame>
  );
}

function EvidenceCard({ evidence }: { evidence: Evidence }) {
  const { references, evaluated } = evidence;
  return (
    <Section
      title={evidence.flag}
      description={
        <>
          {evidence.project}
          {evidence.owner && ` · ${evidence.owner}`} · {e.since} <When at={evidence.since} />
        </>
      }
      action={
        <Group gap="xs">
          <Pill tone="mute">{tf.list.kinds[evidence.kind] ?? evidence.kind}</Pill>
          <ButtonLink
            {...cleanUpAction}
            search={cleanUpOfStale(evidence)}
            size="compact-sm"
            variant="default"
            leftSection={<IconGitPullRequest size={14} aria-hidden />}
            aria-label={`${e.cleanUp}: ${evidence.flag}`}
          >
            {e.cleanUp}
          </ButtonLink>
        </Group>
      }
    >
      {evidence.title && <Text size="sm">{evidence.title}</Text>}
      <div className={css.evidence}>
        <div>
          <Text size="sm" fw={600}>
            {e.evidence}
          </Text>
          <ul className={css.words}>
            {evidence.reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
            {evaluated.map((each) => (
              <li key={each.environment}>
                {e.lastIn(each.environment)} {each.at ? <When at={each.at} /> : e.notKnown}
                {each.subscribers > 0 && ` · ${e.subscribers(each.subscribers)}`}
              </li>
            ))}
          </ul>
          {evidence.cautions.length > 0 && (
            <>
              <Text size="sm" fw={600}>
                {e.against}
              </Text>
              <ul className={css.words}>
                {evidence.cautions.map((caution) => (
                  <li key={caution}>{caution}</li>
                ))}
              </ul>
            </>
          )}
        </div>
        <div>
          <Text size="sm" fw={600}>
            {tf.code.title} ({references.length})
          </Text>
          {references.length === 0 && (
            <Text size="sm" className="sph-muted">
              {tf.code.noneText}
            </Text>
          )}
          <ul className={css.words}>
            {references.slice(0, shownReferences).map((each) => (
              <li key={`${each.repository}/${each.path}:${each.line}`}>
                <Link to="/forge/$repo" params={{ repo: each.repository }} search={{ path: each.path }}>
                  {each.repository}/{each.path}:{each.line}
                </Link>
              </li>
            ))}
          </ul>
          <Link
            to="/flags/$project/$key"
            params={{ project: evidence.project, key: evidence.flag }}
            search={{ tab: 'code' }}
          >
            {references.length > shownReferences
              ? plural(references.length - shownReferences, 'more place')
              : e.openFlag}
          </Link>
        </div>
      </div>
    </Section>
  );
}
