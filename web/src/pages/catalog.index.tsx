import { Group, SimpleGrid, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { createFileRoute, Link } from '@tanstack/react-router';
import { blueprintsQuery } from '~/api/queries';
import type { Blueprint } from '~/api/types';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { NamedIcon } from '~/ui/entityIcon';
import { IconBox, IconTrash } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { ButtonLink } from '~/ui/links';

export const Route = createFileRoute('/catalog/')({
  loader: ({ context }) => context.queryClient.prefetchQuery(blueprintsQuery),
  component: CatalogIndex,
});

function CatalogIndex() {
  const { data, error, refetch, isPending } = useQuery(blueprintsQuery);
  return (
    <div className="sph-page">
      <PageHeader
        title={t.catalog.title}
        description={t.catalog.description}
        actions={
          <ButtonLink variant="default" to="/deleted" leftSection={<IconTrash size={16} aria-hidden />}>
            {t.catalog.deleted}
          </ButtonLink>
        }
      />
      {isPending && <Skeletons />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && <Nothing />}
      {data && data.length > 0 && (
        <SimpleGrid cols={{ base: 1, xs: 2, md: 3, lg: 4 }} spacing="md">
          {data.map((blueprint) => (
            <BlueprintCard key={blueprint.identifier} blueprint={blueprint} />
          ))}
        </SimpleGrid>
      )}
    </div>
  );
}

function Nothing() {
  return (
    <div className="sph-card">
      <EmptyState
        icon={<IconBox size={32} />}
        title={t.catalog.emptyTitle}
        text={t.catalog.emptyText}
        action={
          <Group gap="xs" justify="center">
            <ButtonLink to="/import">{t.catalog.importFiles}</ButtonLink>
          </Group>
        }
        command="sphera catalog import ./model"
      />
    </div>
  );
}

function BlueprintCard({ blueprint }: { blueprint: Blueprint }) {
  const related = Object.values(blueprint.relations).map((relation) => relation.target);
  return (
    <Link
      to="/catalog/$blueprint"
      params={{ blueprint: blueprint.identifier }}
      className="sph-card sph-card-link"
    >
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <span className="sph-icon-tile">
          <NamedIcon name={blueprint.icon} fallback={blueprint.identifier} size={20} />
        </span>
        <Text fz={22} fw={650} className="num" lh={1.2}>
          {blueprint.entityCount}
        </Text>
      </Group>
      <Text fw={600} size="sm" mt="sm">
        {blueprint.title || blueprint.identifier}
      </Text>
      <Text size="xs" className="sph-muted" lineClamp={2}>
        {blueprint.description ||
          (related.length > 0
            ? [...new Set(related)].join(', ')
            : plural(blueprint.entityCount, 'entity', 'entities'))}
      </Text>
    </Link>
  );
}
