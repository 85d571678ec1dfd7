import { Button, Group, Menu, Text, Tooltip } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api } from '~/api/client';
import { actionsQuery } from '~/api/queries';
import { dependentsQuery } from '~/api/services';
import type { Action, Blueprint, Entity, Hit } from '~/api/types';
import { toneOfEnum } from '~/features/catalog/PropertyValue';
import { t } from '~/strings';
import { tc } from '~/strings/catalog';
import { CopyButton, Pill } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { NamedIcon } from '~/ui/entityIcon';
import { IconArrowBackUp, IconChevronDown, IconPencil, IconRocket, IconTrash } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { toastDone, toastError } from '~/ui/toast';
import { canRun } from './tabs';
import { ButtonLink, MenuLink } from '~/ui/links';

/** What an entity is and what can be done with it. */
export function EntityHeader({ blueprint, entity }: { blueprint: Blueprint; entity: Entity }) {
  const title = entity.title || entity.identifier;
  const kind = blueprint.title || blueprint.identifier;
  const pills = Object.entries(blueprint.schema.properties).filter(
    ([id, property]) =>
      property.enum && entity.properties[id] !== null && entity.properties[id] !== undefined,
  );
  return (
    <PageHeader
      title={title}
      crumbs={[
        { label: t.catalog.title, link: { to: '/catalog' } },
        { label: kind, link: { to: '/catalog/$blueprint', params: { blueprint: blueprint.identifier } } },
        { label: title },
      ]}
      status={pills.slice(0, 3).map(([id, property]) => (
        <Pill key={id} tone={toneOfEnum(property, entity.properties[id])} title={property.title ?? id}>
          {String(entity.properties[id])}
        </Pill>
      ))}
      description={
        <Group gap={6}>
          <Text size="sm" className="mono">
            {entity.identifier}
          </Text>
          <CopyButton value={entity.identifier} label={t.entity.copyIdentifier} />
          <span>{entity.team.length > 0 ? t.entity.ownedBy(entity.team.join(', ')) : t.entity.noOwner}</span>
        </Group>
      }
      actions={<Actions entity={entity} />}
    />
  );
}

function Actions({ entity }: { entity: Entity }) {
  const all = useQuery(actionsQuery).data ?? [];
  const mine = all.filter((action) => action.blueprint === entity.blueprint);
  const runs = canRun(entity);
  const prominent = (id: string) => (runs ? mine.find((action) => action.identifier === id) : undefined);
  const deploy = prominent('deploy_service');
  const revert = prominent('revert_service');
  const listed = runs ? mine : mine.filter((action) => !/^(deploy|revert)_service$/.test(action.identifier));
  return (
    <>
      {deploy && <ActionButton action={deploy} entity={entity} label={t.entity.deploy} primary />}
      {revert && <ActionButton action={revert} entity={entity} label={t.entity.revert} />}
      <Menu position="bottom-end" width={280} withinPortal={false}>
        <Menu.Target>
          <Button variant="default" rightSection={<IconChevronDown size={16} aria-hidden />}>
            {t.entity.actions}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {listed.map((action) => (
            <ActionItem key={action.identifier} action={action} entity={entity} />
          ))}
          {listed.length > 0 && <Menu.Divider />}
          {entity.blueprint !== '_rule_result' && (
            <>
              <MenuLink
                leftSection={<IconPencil size={16} aria-hidden />}
                to="/e/$blueprint/$id/edit"
                params={{ blueprint: entity.blueprint, id: entity.identifier }}
              >
                {tc.form.edit}
              </MenuLink>
              <RemoveItem entity={entity} />
            </>
          )}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

function formOf(action: Action, entity: Entity) {
  return {
    to: '/create/$action',
    params: { action: action.identifier },
    search: { entity: entity.identifier },
  } as const;
}

function ActionButton({
  action,
  entity,
  label,
  primary,
}: {
  action: Action;
  entity: Entity;
  label: string;
  primary?: boolean;
}) {
  const icon = primary ? <IconRocket size={16} aria-hidden /> : <IconArrowBackUp size={16} aria-hidden />;
  if (!action.allowed) {
    return (
      <Tooltip label={action.reason} multiline maw={320}>
        <Button
          variant="default"
          leftSection={icon}
          data-disabled
          aria-disabled
          onClick={(e) => e.preventDefault()}
        >
          {label}
        </Button>
      </Tooltip>
    );
  }
  return (
    <ButtonLink variant={primary ? 'filled' : 'default'} leftSection={icon} {...formOf(action, entity)}>
      {label}
    </ButtonLink>
  );
}

// A refused action stays visible, with the reason.
function ActionItem({ action, entity }: { action: Action; entity: Entity }) {
  const icon = <NamedIcon name={action.icon} size={16} />;
  if (!action.allowed) {
    return (
      <Menu.Item
        leftSection={icon}
        data-disabled
        aria-disabled
        closeMenuOnClick={false}
        styles={{ item: { opacity: 1, color: 'var(--sph-muted)', cursor: 'not-allowed' } }}
      >
        {action.title}
        <Text size="xs" className="sph-muted">
          {action.reason}
        </Text>
      </Menu.Item>
    );
  }
  return (
    <MenuLink leftSection={icon} {...formOf(action, entity)}>
      {action.title}
    </MenuLink>
  );
}

function RemoveItem({ entity }: { entity: Entity }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const title = entity.title || entity.identifier;
  const path = { bp: entity.blueprint, id: entity.identifier };
  const remove = useMutation({
    mutationFn: () => api.delete('/v1/blueprints/{bp}/entities/{id}', { path }),
    onSuccess: async () => {
      toastDone(t.entity.removed(title));
      await navigate({ to: '/catalog/$blueprint', params: { blueprint: entity.blueprint } });
      queryClient.removeQueries({ queryKey: ['entity', entity.blueprint, entity.identifier] });
    },
    onError: (error) => toastError(error),
  });
  // What points to it is never removed along with it from here: one click on a
  // system would take all its services.
  const ask = async () => {
    const pointing = await queryClient
      .fetchQuery({ ...dependentsQuery(entity.blueprint, entity.identifier), staleTime: 0 })
      .catch((error: unknown) => toastError(error));
    if (!pointing) return;
    const requiring = pointing.filter((hit) => hit.required);
    confirm({
      title: t.entity.removeTitle(title),
      text:
        requiring.length > 0 ? (
          <Pointing intro={t.entity.removeBlocked} hits={requiring} />
        ) : (
          <>
            {t.entity.removeText}
            {pointing.length > 0 && <Pointing intro={t.entity.removePointing} hits={pointing} />}
          </>
        ),
      verb: t.entity.remove,
      danger: true,
      onConfirm: requiring.length > 0 ? undefined : () => remove.mutate(),
    });
  };
  return (
    <Menu.Item
      styles={{ item: { color: 'var(--sph-bad)' } }}
      leftSection={<IconTrash size={16} />}
      onClick={() => void ask()}
    >
      {t.entity.remove}
    </Menu.Item>
  );
}

function Pointing({ intro, hits }: { intro: string; hits: Hit[] }) {
  return (
    <>
      <Text size="sm" mt="sm">
        {intro}
      </Text>
      <ul>
        {hits.slice(0, 8).map((hit) => (
          <li key={`${hit.blueprint}/${hit.identifier} ${hit.relation ?? ''}`}>
            {hit.title || hit.identifier} ({hit.blueprint})
          </li>
        ))}
        {hits.length > 8 && <li>{t.entity.andMore(hits.length - 8)}</li>}
      </ul>
    </>
  );
}
