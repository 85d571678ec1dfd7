import { Button, Group, Menu, Tabs, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useRef, useState, type ReactNode } from 'react';
import { plural } from '~/lib/format';
import { tf } from '~/strings/flags';
import { Pill } from '~/ui/bits';
import { EntityLink } from '~/ui/EntityLink';
import {
  IconArchive,
  IconArrowRight,
  IconChevronDown,
  IconCopy,
  IconGitPullRequest,
  IconRefresh,
  IconSettings,
} from '~/ui/icons';
import { LeaveGuard } from '~/ui/LeaveGuard';
import { MenuLink } from '~/ui/links';
import { Note } from '~/ui/Note';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState, Skeletons, StaleNote } from '~/ui/States';
import { cleanUpAction, cleanUpOf } from './cleanUp';
import { EnvCards } from './EnvCards';
import css from './flags.module.css';
import { parseFlagTab, flagTabs, type FlagTab } from './flagTabs';
import { ProposalNote } from './ProposalNote';
import { flagQuery } from './queries';
import { SettingEditor } from './SettingEditor';
import type { Flag, FlagEnvironment } from './types';
import { useDraft } from './useDraft';

const Dialogs = lazy(() => import('./FlagDialogs').then((m) => ({ default: m.FlagDialogs })));
const SaveDialogs = lazy(() => import('./SaveDialogs').then((m) => ({ default: m.SaveDialogs })));
const ScheduleTab = lazy(() => import('./ScheduleTab').then((m) => ({ default: m.ScheduleTab })));
const Tester = lazy(() => import('./Tester').then((m) => ({ default: m.Tester })));
const UsageTab = lazy(() => import('./UsageTab').then((m) => ({ default: m.UsageTab })));
const HistoryTab = lazy(() => import('./HistoryTab').then((m) => ({ default: m.HistoryTab })));
const CodeTab = lazy(() => import('./CodeTab').then((m) => ({ default: m.CodeTab })));
const JsonTab = lazy(() => import('./JsonTab').then((m) => ({ default: m.JsonTab })));
const SettingsTab = lazy(() => import('./SettingsTab').then((m) => ({ default: m.SettingsTab })));

export type FlagSearch = { env?: string; tab?: FlagTab };
export type FlagDialog = 'clone' | 'archive' | 'restore' | 'promote' | 'project';

type Props = {
  project: string;
  flagKey: string;
  search: FlagSearch;
  onSearch: (search: FlagSearch) => void;
};

const crumbs = (label: string) => [{ label: tf.list.title, link: { to: '/flags' as const } }, { label }];

/** One flag: its environments side by side, and everything about one of them. */
export function FlagPage(props: Props) {
  const query = useQuery(flagQuery(props.project, props.flagKey));
  if (query.data) {
    return (
      <>
        <StaleNote query={query} />
        <Loaded {...props} flag={query.data} />
      </>
    );
  }
  return (
    <div className="sph-page">
      <PageHeader title={props.flagKey} crumbs={crumbs(props.flagKey)} />
      <div className="sph-card">
        {query.error ? (
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        ) : (
          <Skeletons rows={8} />
        )}
      </div>
    </div>
  );
}

/** The environment of the address; else the first that differs from off, which is where work goes on. */
export function shownEnvironment(flag: Flag, wanted: string | undefined): FlagEnvironment | undefined {
  return flag.environments.find((each) => each.environment === wanted) ?? flag.environments[0];
}

function Loaded({ flag, search, onSearch }: Props & { flag: Flag }) {
  const environment = shownEnvironment(flag, search.env);
  const [dialog, setDialog] = useState<FlagDialog>();
  return (
    <div className="sph-page">
      <PageHeader
        title={flag.key}
        crumbs={crumbs(flag.key)}
        status={<Status flag={flag} />}
        description={<Description flag={flag} />}
        actions={<Actions flag={flag} onDialog={setDialog} />}
      />
      {flag.archivedAt && (
        <Note tone="warn">
          <Group justify="space-between" gap="xs">
            {tf.page.archivedNote}
            <Button size="compact-sm" variant="default" onClick={() => setDialog('restore')}>
              {tf.page.restore}
            </Button>
          </Group>
        </Note>
      )}
      {flag.kind === 'kill-switch' && !flag.archivedAt && <Note tone="bad">{tf.page.loud}</Note>}
      {environment && (
        <Environments
          flag={flag}
          environment={environment}
          search={search}
          onSearch={onSearch}
          onPromote={() => setDialog('promote')}
        />
      )}
      {dialog && (
        <Suspense>
          <Dialogs
            dialog={dialog}
            flag={flag}
            environment={environment?.environment}
            onClose={() => setDialog(undefined)}
          />
        </Suspense>
      )}
    </div>
  );
}

function Status({ flag }: { flag: Flag }) {
  return (
    <>
      <Pill tone={flag.kind === 'kill-switch' ? 'bad' : 'mute'}>{tf.list.kinds[flag.kind] ?? flag.kind}</Pill>
      {flag.archivedAt && <Pill tone="mute">{tf.list.archivedPill}</Pill>}
      {flag.stale && <Pill tone="warn">{tf.list.stalePill}</Pill>}
      {flag.clientVisible && (
        <Pill tone="info" title={tf.list.clientText}>
          {tf.list.clientPill}
        </Pill>
      )}
    </>
  );
}

function Description({ flag }: { flag: Flag }) {
  return (
    <>
      {flag.title && <strong>{flag.title}. </strong>}
      {flag.description}
      <div>
        {tf.list.project} <EntityLink blueprint="Component" id={flag.service} />
        {flag.owner && (
          <>
            {' · '}
            {tf.list.owner} <EntityLink blueprint="_team" id={flag.owner} title={flag.owner} />
          </>
        )}
        {(flag.tags ?? []).length > 0 && ` · ${(flag.tags ?? []).map((tag) => `#${tag}`).join(' ')}`}
      </div>
    </>
  );
}

function Actions({ flag, onDialog }: { flag: Flag; onDialog: (dialog: FlagDialog) => void }) {
  const item = (dialog: FlagDialog, label: string, icon: ReactNode) => (
    <Menu.Item leftSection={icon} onClick={() => onDialog(dialog)}>
      {label}
    </Menu.Item>
  );
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <Button variant="default" rightSection={<IconChevronDown size={14} aria-hidden />}>
          {tf.page.actions}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {item('promote', tf.page.promote, <IconArrowRight size={16} />)}
        {item('clone', tf.page.clone, <IconCopy size={16} />)}
        <MenuLink {...cleanUpAction} search={cleanUpOf(flag)} leftSection={<IconGitPullRequest size={16} />}>
          {tf.page.cleanUp}
        </MenuLink>
        {item('project', tf.page.project, <IconSettings size={16} />)}
        <Menu.Divider />
        {flag.archivedAt
          ? item('restore', tf.page.restore, <IconRefresh size={16} />)
          : item('archive', tf.page.archive, <IconArchive size={16} />)}
      </Menu.Dropdown>
    </Menu>
  );
}

type EnvironmentsProps = {
  flag: Flag;
  environment: FlagEnvironment;
  search: FlagSearch;
  onSearch: (search: FlagSearch) => void;
  onPromote: () => void;
};

function Environments({ flag, environment, search, onSearch, onPromote }: EnvironmentsProps) {
  const draft = useDraft(environment);
  const [saving, setSaving] = useState(false);
  const [strict, setStrict] = useState(false);
  const tab = search.tab ?? 'rules';
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector('[data-active]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [tab]);
  const name = environment.environment;
  const disabled = flag.archivedAt !== undefined;
  const panel = (each: FlagTab): ReactNode => {
    switch (each) {
      case 'rules':
        return (
          <SettingEditor
            flag={flag}
            environment={environment}
            draft={draft}
            strict={strict}
            disabled={disabled}
          />
        );
      case 'schedule':
        return <ScheduleTab flag={flag} environment={environment} draft={draft} disabled={disabled} />;
      case 'tester':
        return <Tester flag={flag} environment={name} />;
      case 'usage':
        return <UsageTab flag={flag} environment={environment} />;
      case 'history':
        return <HistoryTab flag={flag} environment={environment} />;
      case 'code':
        return <CodeTab flag={flag} environment={name} />;
      case 'json':
        return <JsonTab flag={flag} environment={name} />;
      case 'settings':
        return <SettingsTab flag={flag} />;
    }
  };
  return (
    <>
      <EnvCards
        flag={flag}
        shown={name}
        onShow={(env) => onSearch({ ...search, env })}
        onPromote={onPromote}
      />
      {environment.proposal && <ProposalNote flag={flag} id={environment.proposal} />}
      <Tabs
        value={tab}
        onChange={(next) => onSearch({ ...search, tab: parseFlagTab(next) })}
        keepMounted={false}
      >
        <Tabs.List ref={list} className="sph-tabs" aria-label={tf.page.tabs(flag.key)}>
          {flagTabs.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {tf.page.tab[each]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {flagTabs.map((each) => (
          <Tabs.Panel key={each} value={each} pt="md">
            <Suspense fallback={<Skeletons />}>{panel(each)}</Suspense>
          </Tabs.Panel>
        ))}
      </Tabs>
      {draft.changed > 0 && (
        <section className={css.saveBar} aria-label={tf.editor.unsaved}>
          <Text size="sm" aria-live="polite">
            {tf.editor.dirty(plural(draft.changed, 'change'), name)}
            {draft.outdated && <strong> {tf.editor.outdated}</strong>}
          </Text>
          <Group gap="xs">
            <Button size="sm" variant="default" onClick={draft.discard}>
              {tf.editor.discard}
            </Button>
            <Button
              size="sm"
              onClick={() => {
                setStrict(true);
                setSaving(true);
              }}
            >
              {tf.editor.review}
            </Button>
          </Group>
        </section>
      )}
      {saving && (
        <Suspense>
          <SaveDialogs
            flag={flag}
            environment={environment}
            draft={draft}
            onClose={() => setSaving(false)}
            onSaved={() => {
              setStrict(false);
              setSaving(false);
            }}
          />
        </Suspense>
      )}
      <LeaveGuard active={() => draft.changed > 0} />
    </>
  );
}
