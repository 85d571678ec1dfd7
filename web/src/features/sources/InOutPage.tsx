import { Tabs } from '@mantine/core';
import { tc } from '~/strings/catalog';
import { ti } from '~/strings/inout';
import { PageHeader } from '~/ui/PageHeader';
import { ActionsTab } from './ActionsTab';
import { ChangesTab } from './ChangesTab';
import { IntegrationsTab } from './IntegrationsTab';
import { PagesTab } from './PagesTab';
import { SourcesTab } from './SourcesTab';
import { WebhooksTab } from './WebhooksTab';

const parts: Record<string, (props: TabProps) => React.ReactNode> = {
  sources: SourcesTab,
  webhooks: WebhooksTab,
  integrations: IntegrationsTab,
  changes: ChangesTab,
  actions: ActionsTab,
  pages: PagesTab,
};

export type TabProps = {
  /** The one that is open; the list without. */
  id?: string;
  onOpen: (id: string | undefined) => void;
};

/** What comes into the catalog and goes out of it: who, how, and whether it works. */
export function InOutPage({
  tab = 'sources',
  id,
  go,
}: {
  tab?: string;
  id?: string;
  go: (search: { tab?: string; id?: string }) => void;
}) {
  const shown = tab in parts ? tab : 'sources';
  const Shown = parts[shown]!;
  return (
    <div className="sph-page">
      <PageHeader title={tc.sources.title} description={tc.sources.description} />
      <Tabs
        value={shown}
        onChange={(next) => go({ tab: next === 'sources' ? undefined : (next ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {Object.keys(parts).map((name) => (
            <Tabs.Tab key={name} value={name}>
              {ti.tabs[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={shown}>
          <Shown
            key={`${shown}/${id ?? ''}`}
            id={id}
            onOpen={(next) => go({ tab: shown === 'sources' ? undefined : shown, id: next })}
          />
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}
