import {
  Avatar,
  Menu,
  SegmentedControl,
  Text,
  UnstyledButton,
  useMantineColorScheme,
  VisuallyHidden,
} from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api } from '~/api/client';
import type { User } from '~/api/types';
import { t } from '~/strings';
import { IconKeyboard, IconLogout, IconUser } from '~/ui/icons';
import { toastError } from '~/ui/toast';
import { MenuLink } from '~/ui/links';

const schemes = ['light', 'dark', 'auto'] as const;
const schemeNames = { light: t.shell.light, dark: t.shell.dark, auto: t.shell.system };

/** Light, dark, or as the system has it. */
export function ThemeChoice() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t.shell.theme}
      value={colorScheme}
      onChange={(value) => setColorScheme(value as (typeof schemes)[number])}
      data={schemes.map((value) => ({ value, label: schemeNames[value] }))}
    />
  );
}

/** Who is signed in, with what belongs to the person. */
export function AccountMenu({ user, onShortcuts }: { user: User; onShortcuts: () => void }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const signOut = async () => {
    try {
      const { url } = await api.post('/v1/auth/logout');
      queryClient.clear();
      localStorage.removeItem('sphera.provider');
      if (url) window.location.assign(url);
      else await navigate({ to: '/login' });
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <Menu position="bottom-end" width={248} withinPortal={false}>
      <Menu.Target>
        <UnstyledButton style={{ borderRadius: 99 }}>
          <Avatar size={30} radius="xl" name={user.name} color="iris" aria-hidden imageProps={{ alt: '' }} />
          <VisuallyHidden>{t.shell.accountMenu(user.name)}</VisuallyHidden>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div style={{ padding: '6px 12px' }}>
          <Text size="sm" fw={600}>
            {user.name}
          </Text>
          <Text size="xs" className="sph-muted">
            {user.email}
          </Text>
          <Text size="xs" className="sph-muted">
            {user.roles.join(', ')}
          </Text>
        </div>
        <Menu.Divider />
        <Menu.Label>{t.shell.theme}</Menu.Label>
        <Menu.RadioGroup
          value={colorScheme}
          onChange={(value) => setColorScheme(value as (typeof schemes)[number])}
        >
          {schemes.map((scheme) => (
            <Menu.RadioItem key={scheme} value={scheme}>
              {schemeNames[scheme]}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
        <Menu.Divider />
        <MenuLink leftSection={<IconUser size={16} />} to="/account">
          {t.shell.account}
        </MenuLink>
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onShortcuts}>
          {t.shell.shortcuts}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
          {t.shell.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
