import { NavLink, ScrollArea, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useRouterState } from '@tanstack/react-router';
import { homeQuery } from '~/api/queries';
import { plural } from '~/lib/format';
import { navigationFor, type NavItem } from './nav';

function isCurrent(path: string, to: string): boolean {
  if (to === '/') return path === '/';
  if (to === '/catalog' && path.startsWith('/e/')) return true;
  if (to === '/pulls' && /^\/forge\/[^/]+\/pulls\//.test(path)) return true;
  if (to === '/forge' && /^\/forge\/[^/]+\/pulls\//.test(path)) return false;
  return path === to || path.startsWith(`${to}/`);
}

/** The groups of pages; only what exists and the person may see. */
export function SideBar({ roles }: { roles: string[] }) {
  return (
    <ScrollArea flex={1} type="auto">
      {navigationFor(roles).map((group) => (
        <div key={group.label} className="sph-nav-group">
          {group.label && (
            <Text size="xs" fw={600} className="sph-muted" px={12} py={4}>
              {group.label}
            </Text>
          )}
          {group.items.map((item) => (
            <Item key={item.to} item={item} />
          ))}
        </div>
      ))}
    </ScrollArea>
  );
}

function Item({ item }: { item: NavItem }) {
  const current = useRouterState({ select: (s) => isCurrent(s.location.pathname, item.to) });
  const waiting = useQuery({
    ...homeQuery,
    enabled: item.counted === true,
    select: (home) => home.waiting.pullRequests.length,
  }).data;
  return (
    <NavLink
      component={Link}
      to={item.to}
      label={item.label}
      // Only one item is current; the router would mark the parent's too.
      activeOptions={{ exact: true, includeSearch: false }}
      active={current}
      aria-current={current ? 'page' : undefined}
      leftSection={<item.icon size={18} stroke={1.7} aria-hidden />}
      rightSection={
        item.counted && waiting ? (
          <span className="pill warn num" title={plural(waiting, 'review')}>
            {waiting}
          </span>
        ) : undefined
      }
      classNames={{ root: 'sph-nav-item', label: 'sph-nav-label' }}
    />
  );
}
