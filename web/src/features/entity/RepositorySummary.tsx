import { Code, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { isApiError } from '~/api/errors';
import { commitsQuery, repositoryPullsQuery, repositoryQuery, treeQuery } from '~/api/services';
import type { Blueprint, Entity, Repository } from '~/api/types';
import { t } from '~/strings';
import { CopyButton, Fact, Facts, When } from '~/ui/bits';
import { IconBrandGit, IconFile, IconFolder } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';

/** The repository an entity is related to; a service's own name otherwise. */
export function repositoryOf(blueprint: Blueprint, entity: Entity): string {
  for (const [id, relation] of Object.entries(blueprint.relations)) {
    const value = entity.relations[id];
    if (relation.target === 'Repository' && typeof value === 'string' && value) return value;
  }
  return entity.identifier;
}

/** Files, commits and pull requests in short, with the way to the forge pages. */
export function RepositorySummary({ blueprint, entity }: { blueprint: Blueprint; entity: Entity }) {
  const name = repositoryOf(blueprint, entity);
  const { data, error, isPending, refetch } = useQuery(repositoryQuery(name));
  if (isPending) return <Skeletons />;
  if (isApiError(error, 'not_found')) {
    return (
      <div className="sph-card">
        <EmptyState
          icon={<IconBrandGit size={28} />}
          title={t.entity.noRepository}
          text={t.entity.noRepositoryText}
        />
      </div>
    );
  }
  if (!data) return <ErrorState error={error} retry={() => void refetch()} />;
  return <Summary repository={data} />;
}

function Summary({ repository }: { repository: Repository }) {
  const { name, defaultBranch } = repository;
  const files = useQuery(treeQuery(name, defaultBranch)).data ?? [];
  const commits = useQuery(commitsQuery(name, defaultBranch)).data ?? [];
  const pulls = useInfiniteQuery(repositoryPullsQuery(name)).data?.pages[0]?.pullRequests ?? [];
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
      <Section
        title={name}
        action={
          <Link to="/forge/$repo" params={{ repo: name }}>
            {t.entity.openRepository}
          </Link>
        }
      >
        <Facts>
          <Fact name={t.entity.clone}>
            <Group gap={4} wrap="nowrap" justify="flex-end">
              <Code
                style={{ overflowWrap: 'anywhere', textAlign: 'left' }}
              >{`git clone ${repository.cloneUrl}`}</Code>
              <CopyButton value={`git clone ${repository.cloneUrl}`} />
            </Group>
          </Fact>
          <Fact name={t.entity.defaultBranch}>{defaultBranch}</Fact>
          <Fact name={t.catalog.updated}>
            <When at={repository.updatedAt} />
          </Fact>
        </Facts>
      </Section>
      <Section title={t.entity.openPulls} flush>
        {pulls.length === 0 && (
          <Text size="sm" className="sph-muted" p="md">
            {t.entity.noOpenPulls}
          </Text>
        )}
        {pulls.map((pull) => (
          <div key={pull.number} className="sph-row sph-line">
            <Text size="sm" className="sph-line-text">
              <Link to="/forge/$repo/pulls/$number" params={{ repo: name, number: String(pull.number) }}>
                #{pull.number} {pull.title}
              </Link>
            </Text>
            <Text size="xs" className="sph-muted">
              {pull.author.name} · <When at={pull.createdAt} />
            </Text>
          </div>
        ))}
      </Section>
      <Section title={t.entity.files}>
        <Stack gap={6} py={4}>
          {files.map((entry) => (
            <Group key={entry.path} gap={8} wrap="nowrap">
              {entry.kind === 'folder' ? (
                <IconFolder size={16} aria-hidden />
              ) : (
                <IconFile size={16} aria-hidden />
              )}
              <Text size="sm" truncate>
                <Link
                  to="/forge/$repo"
                  params={{ repo: name }}
                  search={{ ref: defaultBranch, path: entry.path }}
                >
                  {entry.name}
                </Link>
              </Text>
            </Group>
          ))}
        </Stack>
      </Section>
      <Section title={t.entity.lastCommits} flush>
        {commits.length === 0 && (
          <Text size="sm" className="sph-muted" p="md">
            {t.entity.noCommits}
          </Text>
        )}
        {commits.map((commit) => (
          <div key={commit.sha} className="sph-row sph-line">
            <Text size="sm" className="sph-line-text">
              <Link to="/forge/$repo/commits/$sha" params={{ repo: name, sha: commit.sha }}>
                {commit.subject}
              </Link>
            </Text>
            <Text size="xs" className="sph-muted">
              {commit.author.name} · <When at={commit.at} />
            </Text>
          </div>
        ))}
      </Section>
    </SimpleGrid>
  );
}
