import type { Icon } from '@tabler/icons-react';
import type { LinkProps } from '@tanstack/react-router';
import { t } from '~/strings';
import {
  IconBolt,
  IconBook,
  IconBox,
  IconBraces,
  IconBrandGit,
  IconChartBar,
  IconChecklist,
  IconFlag,
  IconGitPullRequest,
  IconHistory,
  IconHome,
  IconPlayerPlay,
  IconPlug,
  IconRobot,
  IconShield,
  IconUpload,
  IconUsers,
} from '~/ui/icons';

export type NavItem = {
  to: NonNullable<LinkProps['to']>;
  label: string;
  icon: Icon;
  /** Roles that see it; everybody when absent. */
  roles?: string[];
  /** Shows how many things wait for the person. */
  counted?: boolean;
};
export type NavGroup = { label: string; items: NavItem[] };

const platform = ['infrastructure', 'administrator'];

/** What the side bar and the palette offer. */
export const navigation: NavGroup[] = [
  {
    label: '',
    items: [
      { to: '/', label: t.shell.home, icon: IconHome },
      { to: '/create', label: t.shell.create, icon: IconBolt },
      { to: '/approvals', label: t.shell.approvals, icon: IconChecklist },
      { to: '/pulls', label: t.shell.pulls, icon: IconGitPullRequest, counted: true },
    ],
  },
  {
    label: t.shell.build,
    items: [
      { to: '/catalog', label: t.shell.catalog, icon: IconBox },
      { to: '/forge', label: t.shell.forge, icon: IconBrandGit },
      { to: '/flags', label: t.shell.flags, icon: IconFlag },
    ],
  },
  { label: t.shell.operate, items: [{ to: '/runs', label: t.shell.runs, icon: IconPlayerPlay }] },
  {
    label: t.shell.improve,
    items: [
      { to: '/insights', label: t.shell.insights, icon: IconChartBar },
      { to: '/docs/api', label: t.shell.apiReference, icon: IconBook },
    ],
  },
  {
    label: t.shell.manage,
    items: [
      { to: '/blueprints', label: t.shell.blueprints, icon: IconBraces, roles: platform },
      { to: '/sources', label: t.shell.sources, icon: IconPlug, roles: platform },
      { to: '/import', label: t.shell.importPage, icon: IconUpload, roles: platform },
      { to: '/people', label: t.shell.people, icon: IconUsers, roles: ['administrator'] },
      {
        to: '/machines',
        label: t.shell.machines,
        icon: IconRobot,
        roles: [...platform, 'developer', 'maintainer'],
      },
      { to: '/policies', label: t.shell.policies, icon: IconShield, roles: [...platform, 'maintainer'] },
      { to: '/audit', label: t.shell.audit, icon: IconHistory, roles: [...platform, 'maintainer'] },
    ],
  },
];

/** The groups a person with these roles sees. */
export function navigationFor(roles: string[]): NavGroup[] {
  const sees = (item: NavItem) => !item.roles || item.roles.some((role) => roles.includes(role));
  return navigation
    .map((group) => ({ ...group, items: group.items.filter(sees) }))
    .filter((group) => group.items.length > 0);
}
