import { Button, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { checksQuery } from '~/api/services';
import type { Check } from '~/api/types';
import { t } from '~/strings';
import { Pill } from '~/ui/bits';
import { IconListCheck, IconRefresh } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { ButtonLink } from '~/ui/links';

/** The service contract: what is in order, what is missing, and the way to mend it. */
export function Checks({ service }: { service: string }) {
  const { data, error, isPending, isFetching, refetch } = useQuery(checksQuery(service));
  const missing = data?.filter((check) => !check.ok).length ?? 0;
  return (
    <Section
      title={t.entity.contract}
      description={t.entity.contractText}
      flush
      action={
        <Group gap="xs">
          {data && data.length > 0 && (
            <Pill tone={missing === 0 ? 'ok' : 'warn'} dot>
              {t.entity.checksOk(data.length - missing, data.length)}
            </Pill>
          )}
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconRefresh size={14} aria-hidden />}
            loading={isFetching && !isPending}
            onClick={() => void refetch()}
          >
            {t.entity.checkAgain}
          </Button>
        </Group>
      }
    >
      {isPending && <Skeletons />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && <EmptyState icon={<IconListCheck size={28} />} title={t.entity.noChecks} />}
      {/* What is missing comes first. */}
      {data &&
        [...data]
          .sort((a, b) => Number(a.ok) - Number(b.ok))
          .map((check) => <CheckRow key={check.identifier} check={check} service={service} />)}
    </Section>
  );
}

function CheckRow({ check, service }: { check: Check; service: string }) {
  return (
    <div className="sph-row sph-check">
      <span className="sph-check-state">
        <Pill tone={check.ok ? 'ok' : 'bad'} dot>
          {check.ok ? t.entity.ok : t.entity.missing}
        </Pill>
      </span>
      <div className="sph-check-text">
        <Text size="sm" fw={550}>
          {check.url ? <a href={check.url}>{check.title}</a> : check.title}
        </Text>
        <Text size="xs" className="sph-muted">
          {check.found}
          {!check.ok && check.expected && ` · ${t.entity.expected}: ${check.expected}`}
        </Text>
      </div>
      {!check.ok && check.fix && <FixButton service={service} fix={check.fix} label={t.entity.fix} />}
    </div>
  );
}

/** Opens the plan that mends what is missing. */
export function FixButton({ service, fix, label }: { service: string; fix: string; label: string }) {
  return (
    <ButtonLink
      size="compact-sm"
      variant="light"
      to="/create/$action"
      params={{ action: fix }}
      search={{ entity: service }}
    >
      {label}
    </ButtonLink>
  );
}
