import { Anchor, Button, Group, Skeleton, Stack, Text, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { graphQuery } from '~/api/queries';
import { checksQuery, instancesQuery } from '~/api/services';
import type { Blueprint, Entity } from '~/api/types';
import { propertyFields } from '~/features/catalog/fields';
import { PropertyValue, RelationValue } from '~/features/catalog/PropertyValue';
import { provenanceQuery } from '~/features/history/queries';
import { relative, shortSha } from '~/lib/format';
import { humanise, splitEntity } from '~/lib/words';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { Fact, Facts, Pill, When } from '~/ui/bits';
import { EntityLink } from '~/ui/EntityLink';
import { Section } from '~/ui/Section';
import css from './Overview.module.css';
import { RecentActivity } from './Activity';
import { FixButton } from './Checks';
import { Explain } from './Explain';
import { InstanceState } from './InstanceState';
import { ScorecardPanel } from './ScorecardPanel';
import { canRun } from './tabs';

type Props = { blueprint: Blueprint; entity: Entity; onTab: (tab: string) => void };

/** The answer to "what is this, where does it run, is it in order". */
export function Overview({ blueprint, entity, onTab }: Props) {
  const runs = canRun(entity);
  return (
    <div className={css.columns}>
      <div className={css.column}>
        {runs && <Versions service={entity.identifier} onTab={onTab} />}
        {runs && <Contract service={entity.identifier} onTab={onTab} />}
        {!runs && <Related blueprint={blueprint} entity={entity} onTab={onTab} />}
        <RecentActivity blueprint={entity.blueprint} id={entity.identifier} onAll={() => onTab('activity')} />
      </div>
      <div className={css.column}>
        <ScorecardPanel entity={entity} />
        <Details blueprint={blueprint} entity={entity} />
        {runs && <Related blueprint={blueprint} entity={entity} onTab={onTab} />}
      </div>
    </div>
  );
}

function MoreLink({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <Anchor component="button" type="button" size="sm" onClick={onClick}>
      {label}
    </Anchor>
  );
}

function Details({ blueprint, entity }: { blueprint: Blueprint; entity: Entity }) {
  const origins = useQuery(provenanceQuery(entity.blueprint, entity.identifier)).data;
  return (
    <Section title={t.entity.details}>
      <Facts>
        {propertyFields(blueprint).map((field) => {
          const origin = origins?.[`properties.${field.id}`];
          return (
            <Fact
              key={field.id}
              name={
                <Tooltip
                  disabled={!origin}
                  label={origin && tc.history.source(origin.source, relative(origin.at))}
                  events={{ hover: true, focus: true, touch: true }}
                >
                  <span tabIndex={origin ? 0 : undefined}>{field.title}</span>
                </Tooltip>
              }
            >
              <Group gap={4} justify="flex-end" wrap="nowrap" component="span">
                <PropertyValue property={field.property} value={entity.properties[field.id]} />
                {field.kind !== 'own' && <Explain entity={entity} field={field} />}
              </Group>
            </Fact>
          );
        })}
        <Fact name={t.catalog.created}>
          <When at={entity.createdAt} />
        </Fact>
        <Fact name={t.catalog.updated}>
          <When at={entity.updatedAt} />
        </Fact>
      </Facts>
    </Section>
  );
}

function Related({ blueprint, entity, onTab }: Props) {
  const graph = useQuery(graphQuery(entity.blueprint, entity.identifier, 1)).data;
  const self = `${entity.blueprint}/${entity.identifier}`;
  const titles = useMemo(() => new Map(graph?.nodes.map((node) => [node.id, node.title])), [graph]);
  const incoming = graph?.edges.filter((edge) => edge.to === self && edge.from !== self) ?? [];
  const relations = Object.entries(blueprint.relations);
  return (
    <Section
      title={t.entity.relations}
      action={<MoreLink label={t.entity.graph} onClick={() => onTab('graph')} />}
    >
      {relations.length === 0 && incoming.length === 0 && (
        <Text size="sm" className="sph-muted" py={6}>
          {t.entity.noRelations}
        </Text>
      )}
      <Facts>
        {relations.map(([id, relation]) => (
          <Fact key={id} name={relation.title || humanise(id)}>
            <RelationValue relation={relation} value={entity.relations[id]} titles={titles} />
          </Fact>
        ))}
        {incoming.length > 0 && (
          <Fact name={t.entity.usedBy}>
            {incoming.slice(0, 8).map((edge, i) => {
              const from = splitEntity(edge.from);
              if (!from) return null;
              return (
                <span key={`${edge.from} ${edge.relation}`}>
                  {i > 0 && ', '}
                  <EntityLink blueprint={from.blueprint} id={from.identifier} title={titles.get(edge.from)} />
                </span>
              );
            })}
          </Fact>
        )}
      </Facts>
    </Section>
  );
}

function Versions({ service, onTab }: { service: string; onTab: (tab: string) => void }) {
  const { data } = useQuery(instancesQuery(service));
  return (
    <Section
      title={t.entity.runningVersions}
      action={<MoreLink label={t.entity.deployments} onClick={() => onTab('deployments')} />}
    >
      {data?.length === 0 && (
        <Text size="sm" className="sph-muted" py={6}>
          {t.entity.notRunningText}
        </Text>
      )}
      <Stack gap={0} mih={data?.length === 0 ? 0 : 36}>
        {data?.map((instance) => (
          <Group key={instance.environment} justify="space-between" gap="xs" mih={36}>
            <Text size="sm">{instance.environment}</Text>
            <Group gap="xs" wrap="nowrap">
              <span className="mono">{shortSha(instance.version)}</span>
              <InstanceState state={instance.state} />
              {instance.state === 'ready' && (
                <a
                  href={instance.address}
                  target="_blank"
                  rel="noreferrer"
                  aria-label={t.entity.opens(instance.address)}
                >
                  {t.entity.open}
                </a>
              )}
            </Group>
          </Group>
        ))}
      </Stack>
    </Section>
  );
}

function Contract({ service, onTab }: { service: string; onTab: (tab: string) => void }) {
  const { data, isPending, error } = useQuery(checksQuery(service));
  const missing = data?.filter((check) => !check.ok) ?? [];
  const fix = missing.find((check) => check.fix)?.fix;
  return (
    <Section
      title={t.entity.contract}
      action={<MoreLink label={t.entity.checks} onClick={() => onTab('checks')} />}
    >
      {isPending && <Skeleton className={css.reserved} h={22} w={130} />}
      {error && !data && (
        <Text size="sm" className="sph-muted" py={6}>
          {error.message}
        </Text>
      )}
      {data && data.length === 0 && (
        <Text size="sm" className="sph-muted" py={6}>
          {t.entity.noChecks}
        </Text>
      )}
      {data && data.length > 0 && (
        <Stack gap={8} py={6} align="flex-start">
          <Pill tone={missing.length === 0 ? 'ok' : 'warn'} dot>
            {t.entity.checksOk(data.length - missing.length, data.length)}
          </Pill>
          {missing.slice(0, 4).map((check) => (
            <Text key={check.identifier} size="sm">
              {check.title}
            </Text>
          ))}
          {fix && <FixButton service={service} fix={fix} label={t.entity.fixAll} />}
          {missing.length > 4 && (
            <Button size="compact-sm" variant="subtle" onClick={() => onTab('checks')}>
              {t.common.more}
            </Button>
          )}
        </Stack>
      )}
    </Section>
  );
}
