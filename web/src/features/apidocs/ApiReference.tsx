import { Button, NavLink, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { tw } from '~/strings/work';
import { IconDownload } from '~/ui/icons';
import { ListToolbar, TextFilter } from '~/ui/ListToolbar';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import css from './ApiReference.module.css';
import { groupByTag, openApiQuery, operationsOf, type Document } from './openapi';
import { OperationView } from './OperationView';

export type ApiSearch = { q?: string; op?: string };
type Props = { search: ApiSearch; onSearch: (part: ApiSearch) => void };

/** The portal's API, read from its own description. */
export function ApiReference({ search, onSearch }: Props) {
  const { data, error, isPending, refetch } = useQuery(openApiQuery);
  return (
    <div className="sph-page wide">
      <PageHeader
        title={tw.insights.apiTitle}
        description={
          <>
            {tw.insights.apiDescription} {tw.insights.token}{' '}
            <Link to="/account">{tw.insights.accountPage}</Link>
          </>
        }
        actions={
          <Button
            component="a"
            href="/v1/openapi.json"
            download
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            {tw.insights.download}
          </Button>
        }
      />
      {isPending && <Skeletons rows={10} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data && <Operations document={data} search={search} onSearch={onSearch} />}
    </div>
  );
}

function Operations({ document, search, onSearch }: Props & { document: Document }) {
  const all = useMemo(() => operationsOf(document, tw.insights.other), [document]);
  const groups = useMemo(() => groupByTag(all, search.q, tw.insights.other), [all, search.q]);
  const shown = groups.flatMap(([, operations]) => operations);
  const chosen = all.find((operation) => operation.id === search.op) ?? shown[0];
  return (
    <>
      <ListToolbar total={plural(shown.length, 'operation')}>
        <TextFilter label={tw.insights.apiFilter} value={search.q} onChange={(q) => onSearch({ q })} />
      </ListToolbar>
      <div className={css.columns}>
        <nav className={`sph-card ${css.list}`} aria-label={tw.insights.apiTitle}>
          {groups.length === 0 && (
            <EmptyState
              title={t.common.nothingMatches}
              action={
                <Button size="sm" variant="default" onClick={() => onSearch({ q: undefined })}>
                  {t.common.clearFilters}
                </Button>
              }
            />
          )}
          {groups.map(([tag, operations]) => (
            <Stack key={tag} gap={0} mb="xs">
              <Text size="xs" fw={600} className="sph-muted" px={12} py={6}>
                {tag}
              </Text>
              {operations.map((operation) => (
                <NavLink
                  key={operation.id}
                  component="button"
                  type="button"
                  active={operation === chosen}
                  aria-current={operation === chosen ? 'true' : undefined}
                  onClick={() => onSearch({ op: operation.id })}
                  label={
                    <span className={css.item}>
                      <span className={css.method} data-method={operation.method}>
                        {operation.method}
                      </span>
                      <span className={css.path}>{operation.path.replace(/^\/v1/, '')}</span>
                    </span>
                  }
                  styles={{ root: { borderRadius: 8 } }}
                />
              ))}
            </Stack>
          ))}
        </nav>
        {chosen && <OperationView key={chosen.id} document={document} operation={chosen} />}
      </div>
    </>
  );
}
