import { Modal, VisuallyHidden } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { Spotlight } from '@mantine/spotlight';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { actionsQuery, searchQuery } from '~/api/queries';
import { paletteStore } from '~/lib/palette';
import { recentEntities } from '~/lib/recent';
import { t } from '~/strings';
import { NamedIcon } from '~/ui/entityIcon';
import { IconSearch } from '~/ui/icons';
import { actionChoices, pageChoices } from './choices';
import { navigationFor } from './nav';

type Item = { key: string; label: string; description?: string; icon: ReactNode; open: () => void };

/** Ctrl-K: entities, actions with the entity filled in, pages, recent. */
export function Palette({ roles }: { roles: string[] }) {
  const [text, setText] = useState('');
  return (
    <Spotlight.Root
      store={paletteStore}
      query={text}
      onQueryChange={setText}
      shortcut={null}
      scrollable
      maxHeight={420}
      clearQueryOnClose
    >
      <VisuallyHidden>
        <Modal.Title>{t.shell.paletteTitle}</Modal.Title>
      </VisuallyHidden>
      <Spotlight.Search
        placeholder={t.shell.paletteInput}
        aria-label={t.shell.paletteInput}
        leftSection={<IconSearch size={18} aria-hidden />}
      />
      <Results text={text} roles={roles} />
    </Spotlight.Root>
  );
}

// Results come after the text has changed, which is when the palette itself
// selects the first one.
function selectFirst(list: HTMLElement | null): void {
  list?.querySelector('[data-selected]')?.removeAttribute('data-selected');
  list?.querySelector('[data-action]')?.setAttribute('data-selected', 'true');
  paletteStore.updateState((state) => ({ ...state, selected: 0 }));
}

function Results({ text, roles }: { text: string; roles: string[] }) {
  const navigate = useNavigate();
  const [debounced] = useDebouncedValue(text.trim(), 80);
  const actions = useQuery(actionsQuery).data ?? [];
  const words = debounced.split(/\s+/).filter(Boolean);
  // "deploy payments": the first word names an action, the rest an entity.
  const rest = words.slice(1).join(' ');
  const hits = useQuery({ ...searchQuery(debounced), placeholderData: keepPreviousData }).data ?? [];
  const restHits = useQuery(searchQuery(rest, 5)).data ?? [];

  const entityItem = (hit: (typeof hits)[number]): Item => ({
    key: `${hit.blueprint}/${hit.identifier}`,
    label: hit.title || hit.identifier,
    description: hit.blueprint,
    icon: <NamedIcon name={hit.icon} fallback={hit.blueprint} />,
    open: () =>
      void navigate({ to: '/e/$blueprint/$id', params: { blueprint: hit.blueprint, id: hit.identifier } }),
  });
  const groups: [string, Item[]][] = [
    [t.shell.paletteRecent, text ? [] : recentEntities().slice(0, 4).map(entityItem)],
    [t.shell.paletteEntities, debounced ? hits.map(entityItem) : []],
    [
      t.shell.paletteActions,
      actionChoices(actions, debounced, restHits).map(({ action, entity }) => ({
        key: `${action.identifier} ${entity?.identifier ?? ''}`,
        label: entity ? `${action.title}: ${entity.title || entity.identifier}` : action.title,
        description: action.description,
        icon: <NamedIcon name={action.icon} />,
        open: () =>
          void navigate({
            to: '/create/$action',
            params: { action: action.identifier },
            search: entity ? { entity: entity.identifier } : {},
          }),
      })),
    ],
    [
      t.shell.palettePages,
      pageChoices(navigationFor(roles), text).map((page) => ({
        key: page.to,
        label: page.label,
        icon: <page.icon size={18} stroke={1.7} aria-hidden />,
        open: () => void navigate({ to: page.to }),
      })),
    ],
  ];
  const keys = groups.flatMap(([, items]) => items.map((item) => item.key)).join('\n');
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (text) selectFirst(list.current);
  }, [keys, text]);

  return (
    <Spotlight.ActionsList ref={list}>
      {groups.map(([label, items]) =>
        items.length === 0 ? null : (
          <Spotlight.ActionsGroup key={label} label={label}>
            {items.map((item) => (
              <Spotlight.Action
                key={item.key}
                label={item.label}
                description={item.description}
                leftSection={item.icon}
                onClick={item.open}
                classNames={{ action: 'sph-palette-action', actionDescription: 'sph-palette-hint' }}
              />
            ))}
          </Spotlight.ActionsGroup>
        ),
      )}
      {groups.every(([, items]) => items.length === 0) && (
        <Spotlight.Empty>{t.shell.paletteEmpty}</Spotlight.Empty>
      )}
    </Spotlight.ActionsList>
  );
}
