import { Button, Group, NativeSelect, Table, Text, VisuallyHidden } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api } from '~/api/client';
import { blueprintsQuery } from '~/api/queries';
import type { Deleted } from '~/api/types';
import { count } from '~/lib/format';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { When } from '~/ui/bits';
import { IconArrowBackUp, IconTrash } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastDone, toastError } from '~/ui/toast';
import { Actor } from './Actor';
import { deletedQuery } from './queries';

/** What was deleted and can be brought back. */
export function DeletedPage({
  blueprint,
  onBlueprint,
}: {
  blueprint: string | undefined;
  onBlueprint: (blueprint: string | undefined) => void;
}) {
  const query = useInfiniteQuery(deletedQuery(blueprint));
  const kinds = useQuery(blueprintsQuery).data ?? [];
  const list = query.data?.pages.flatMap((page) => page.deleted) ?? [];
  return (
    <div className="sph-page">
      <PageHeader
        title={tc.history.deleted}
        description={tc.history.deletedText}
        crumbs={[{ label: t.catalog.title, link: { to: '/catalog' } }, { label: tc.history.deleted }]}
      />
      <Group>
        <NativeSelect
          size="sm"
          aria-label={tc.history.kind}
          value={blueprint ?? ''}
          onChange={(event) => onBlueprint(event.currentTarget.value || undefined)}
          data={[
            { value: '', label: tc.history.allKinds },
            ...kinds.map((kind) => ({ value: kind.identifier, label: kind.title || kind.identifier })),
          ]}
        />
      </Group>
      <div className="sph-card">
        {query.isPending ? (
          <Skeletons />
        ) : !query.data ? (
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        ) : list.length === 0 ? (
          <EmptyState
            icon={<IconTrash size={28} />}
            title={tc.history.deletedNone}
            text={tc.history.deletedNoneText}
          />
        ) : (
          <Table.ScrollContainer minWidth={720} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
            <Table verticalSpacing={9} horizontalSpacing="md" aria-label={tc.history.deleted}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{tc.history.name}</Table.Th>
                  <Table.Th>{tc.history.kind}</Table.Th>
                  <Table.Th>{tc.history.when}</Table.Th>
                  <Table.Th>{tc.history.by}</Table.Th>
                  <Table.Th>{tc.history.references}</Table.Th>
                  <Table.Th>{tc.history.until}</Table.Th>
                  <Table.Th>
                    <VisuallyHidden>{tc.history.restore}</VisuallyHidden>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.map((each) => (
                  <Row key={each.versionId} deleted={each} />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
        {query.hasNextPage && (
          <Group p="sm" justify="center">
            <Button
              variant="subtle"
              size="compact-sm"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              {t.common.more}
            </Button>
          </Group>
        )}
      </div>
    </div>
  );
}

function Row({ deleted }: { deleted: Deleted }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const title = deleted.title || deleted.identifier;
  const restore = useMutation({
    mutationFn: () => api.post('/v1/deleted/{versionId}/restore', { path: { versionId: deleted.versionId } }),
    onSuccess: async (answer) => {
      void queryClient.invalidateQueries({ queryKey: ['entity'] });
      toastDone(answer.left.length > 0 ? tc.history.restoredPart(title) : tc.history.restored(title));
      await navigate({
        to: '/e/$blueprint/$id',
        params: { blueprint: answer.entity.blueprint, id: answer.entity.identifier },
      });
    },
    onError: (error) => toastError(error),
  });
  return (
    <Table.Tr>
      <Table.Td>
        {title}
        <Text size="xs" className="sph-muted mono">
          {deleted.identifier}
        </Text>
      </Table.Td>
      <Table.Td>{deleted.blueprint}</Table.Td>
      <Table.Td>
        <When at={deleted.at} />
        {deleted.cause && (
          <Text size="xs" className="sph-muted">
            {tc.history.cause(deleted.cause)}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Actor id={deleted.actor} />
      </Table.Td>
      <Table.Td className="num">{count(deleted.references)}</Table.Td>
      <Table.Td>
        <When at={deleted.restoreUntil} />
      </Table.Td>
      <Table.Td>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconArrowBackUp size={14} aria-hidden />}
          aria-label={tc.history.restoreName(title)}
          title={deleted.taken ? tc.history.taken : undefined}
          disabled={deleted.taken}
          loading={restore.isPending}
          onClick={() => restore.mutate()}
        >
          {tc.history.restore}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
