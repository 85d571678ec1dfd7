import { AppShell, Burger, Group, Kbd, Text, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { Link, useNavigate, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, type ReactNode } from 'react';
import { meQuery } from '~/api/queries';
import { keepFresh, useConnected } from '~/lib/events';
import { palette } from '~/lib/palette';
import { focusListFilter, useShortcuts } from '~/lib/shortcuts';
import { t } from '~/strings';
import { IconPlus, IconSearch } from '~/ui/icons';
import { AccountMenu } from './AccountMenu';
import { Dialogs } from './Dialogs';
import { Inbox, RunningNow } from './Indicators';
import { SideBar } from './SideBar';
import { ButtonLink } from '~/ui/links';
import { Note } from '~/ui/Note';

const ViewAsBanner = lazy(() =>
  import('~/features/access/ViewAsBanner').then((m) => ({ default: m.ViewAsBanner })),
);

/** The frame around every page of a signed-in person. */
export function Shell({ children }: { children: ReactNode }) {
  const [menuOpen, menu] = useDisclosure();
  const [helpOpen, help] = useDisclosure();
  const { user, viewedBy } = useSuspenseQuery(meQuery).data;
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const connected = useConnected();
  const path = useRouterState({ select: (s) => s.location.pathname });

  useHotkeys([['mod+K', palette.open]], []);
  useEffect(() => keepFresh(queryClient), [queryClient]);
  const closeMenu = menu.close;
  useEffect(() => closeMenu(), [path, closeMenu]);
  useShortcuts({
    '/': () => {
      if (!focusListFilter()) palette.open();
    },
    '?': help.open,
    c: () => void navigate({ to: '/create' }),
    'g h': () => void navigate({ to: '/' }),
    'g c': () => void navigate({ to: '/catalog' }),
    'g r': () => void navigate({ to: '/runs' }),
    'g f': () => void navigate({ to: '/forge' }),
  });

  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 228, breakpoint: 'sm', collapsed: { mobile: !menuOpen } }}
      padding={{ base: 'sm', sm: 'lg' }}
      withBorder
    >
      <a className="sph-skip" href="#content">
        {t.common.skipToContent}
      </a>
      <AppShell.Header px="md" className="sph-bar">
        <Group h="100%" justify="space-between" wrap="nowrap" gap="sm">
          <Group gap="sm" wrap="nowrap" className="sph-bar-side">
            <Burger
              opened={menuOpen}
              onClick={menu.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t.shell.toggleNavigation}
              aria-expanded={menuOpen}
            />
            <Link to="/" className="sph-mark">
              <img src="/favicon.svg" width={24} height={24} alt="" />
              <Text fw={650} component="span">
                {t.common.appName}
              </Text>
            </Link>
          </Group>
          <UnstyledButton onClick={palette.open} className="sph-palette-field">
            <IconSearch size={16} aria-hidden />
            <Text visibleFrom="sm" size="sm" className="sph-muted" flex={1} component="span">
              {t.shell.palette}
            </Text>
            <VisuallyHidden hiddenFrom="sm">{t.shell.paletteShort}</VisuallyHidden>
            <Kbd visibleFrom="sm" size="xs" aria-hidden>
              Ctrl K
            </Kbd>
          </UnstyledButton>
          <Group gap={6} wrap="nowrap" justify="flex-end" className="sph-bar-side">
            <RunningNow />
            <ButtonLink visibleFrom="sm" size="xs" leftSection={<IconPlus size={15} />} to="/create">
              {t.shell.create}
            </ButtonLink>
            <Inbox />
            <AccountMenu user={user} onShortcuts={help.open} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" className="sph-bar" aria-label={t.shell.navigation}>
        <SideBar roles={user.roles} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        {viewedBy && (
          <Suspense>
            <ViewAsBanner name={user.name} />
          </Suspense>
        )}
        {!connected && (
          <Note tone="warn" role="status">
            {t.shell.reconnecting}
          </Note>
        )}
        {children}
      </AppShell.Main>
      <Dialogs roles={user.roles} helpOpen={helpOpen} onCloseHelp={help.close} />
    </AppShell>
  );
}
