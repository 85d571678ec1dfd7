import { Button, Code, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { isApiError, offlineCode, type ApiError } from '~/api/errors';
import { clock } from '~/lib/format';
import { palette } from '~/lib/palette';
import { useDelayed } from '~/lib/useDelayed';
import { t } from '~/strings';
import { CopyButton, Fact, Facts } from './bits';
import { IconAlertTriangle, IconLock, IconSearch } from './icons';
import { Note } from './Note';
import { usePageTitle } from './PageHeader';
import { ButtonLink } from './links';

/** Grey lines in the shape of a list, after 150 ms. */
export function Skeletons({ rows = 6, height = 20 }: { rows?: number; height?: number }) {
  const shown = useDelayed();
  return (
    <Stack gap={14} p="md" aria-busy="true" aria-label={t.common.loading} role="status">
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton
          key={i}
          h={height}
          visible
          w={`${88 - ((i * 17) % 40)}%`}
          style={{ opacity: shown ? 1 : 0 }}
        />
      ))}
    </Stack>
  );
}

/** The outline of a page while its code or data is on the way. */
export function PageSkeleton(): ReactNode {
  return (
    <div className="sph-page" aria-busy="true" role="status" aria-label={t.common.loading}>
      <Skeleton h={28} w={260} />
      <Skeleton h={16} w={380} maw="90%" />
      <Skeleton h={280} radius={10} />
    </div>
  );
}

function Centred({ children }: { children: ReactNode }) {
  return (
    <Stack align="center" gap="sm" py={48} px="md" ta="center" maw={560} mx="auto">
      {children}
    </Stack>
  );
}

/** Nothing is there yet: says what would be and offers the next step. */
export function EmptyState({
  icon,
  title,
  text,
  action,
  command,
}: {
  icon?: ReactNode;
  title: string;
  text?: ReactNode;
  action?: ReactNode;
  /** The command line that does the same. */
  command?: string;
}) {
  return (
    <Centred>
      {icon && <span className="sph-muted">{icon}</span>}
      <Text fw={600}>{title}</Text>
      {text && (
        <Text size="sm" className="sph-muted" component="div">
          {text}
        </Text>
      )}
      {action}
      {command && (
        <Group gap={4} wrap="nowrap" maw="100%">
          <Code style={{ overflowX: 'auto' }}>{command}</Code>
          <CopyButton value={command} />
        </Group>
      )}
    </Centred>
  );
}

function RequestId({ id }: { id: string }) {
  return (
    <Group gap={4} justify="center">
      <Text size="xs" className="sph-muted">
        {t.common.requestId} <span className="mono">{id}</span>
      </Text>
      <CopyButton value={id} label={t.common.copyRequestId} size="xs" />
    </Group>
  );
}

/** What went wrong, in words, and what can be done. */
export function ErrorState({
  error,
  retry,
  title = t.common.errorTitle,
}: {
  error: unknown;
  retry?: () => void;
  title?: string;
}) {
  if (isApiError(error, 'forbidden')) return <Forbidden error={error} />;
  if (isApiError(error, 'not_found')) return <NotFound message={error.message} />;
  const offline = isApiError(error, offlineCode);
  return (
    <div role="alert">
      <Centred>
        <IconAlertTriangle size={28} color="var(--sph-warn)" aria-hidden />
        <Text fw={600}>{offline ? t.common.offlineTitle : title}</Text>
        <Text size="sm" className="sph-muted">
          {offline ? t.common.offlineText : isApiError(error) ? error.message : t.common.pageErrorText}
        </Text>
        {retry && (
          <Button size="sm" variant="default" onClick={retry}>
            {t.common.retry}
          </Button>
        )}
        {isApiError(error) && error.requestId && <RequestId id={error.requestId} />}
      </Centred>
    </div>
  );
}

/** Says since when the shown data is old, when newer could not be had. */
export function StaleNote({
  query,
}: {
  query: { error: unknown; data?: unknown; dataUpdatedAt: number };
}): ReactNode {
  if (!query.error || query.data === undefined) return null;
  return (
    <Note tone="warn" role="status">
      {t.common.asOf(clock(query.dataUpdatedAt))}
    </Note>
  );
}

/** A refusal with its four parts: never a dead end. */
export function Forbidden({ error }: { error: ApiError }) {
  return (
    <div role="alert">
      <Centred>
        <IconLock size={28} aria-hidden />
        <Text fw={600}>{t.common.forbiddenTitle}</Text>
        <Text size="sm" className="sph-muted">
          {error.reason ?? error.message}
        </Text>
        {(error.rule || error.alternative || error.contact) && (
          <div style={{ width: '100%' }}>
            <Facts>
              {error.rule && <Fact name={t.common.forbiddenRule}>{error.rule}</Fact>}
              {error.alternative && <Fact name={t.common.forbiddenAlternative}>{error.alternative}</Fact>}
              {error.contact && <Fact name={t.common.forbiddenContact}>{error.contact}</Fact>}
            </Facts>
          </div>
        )}
        {error.requestId && <RequestId id={error.requestId} />}
      </Centred>
    </div>
  );
}

/** An address with nothing behind it. */
export function NotFound({ message, page }: { message?: string; page?: boolean }): ReactNode {
  return (
    <Centred>
      <Title order={page ? 1 : 2}>{t.common.notFoundTitle}</Title>
      <Text size="sm" className="sph-muted">
        {message ?? t.common.notFoundText}
      </Text>
      <Group gap="xs" justify="center">
        <Button variant="default" leftSection={<IconSearch size={16} />} onClick={() => palette.open()}>
          {t.common.notFoundSearch}
        </Button>
        <ButtonLink variant="subtle" to="/">
          {t.common.notFoundHome}
        </ButtonLink>
      </Group>
    </Centred>
  );
}

/** A page that failed as a whole. */
export function PageError({ error, retry }: { error: unknown; retry: () => void }): ReactNode {
  usePageTitle(t.common.pageErrorTitle);
  return <ErrorState error={error} retry={retry} title={t.common.pageErrorTitle} />;
}
