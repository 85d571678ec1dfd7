import { Button, Tabs, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { blueprintQuery } from '~/api/queries';
import { LeaveGuard } from '~/features/create/LeaveGuard';
import { tc } from '~/strings/catalog';
import { Pill } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { PageHeader } from '~/ui/PageHeader';
import { toastDone, toastError } from '~/ui/toast';
import { ButtonLink } from '~/ui/links';
import { saveBlueprint } from './api';
import css from './builder.module.css';
import { complete, differences, emptyDoc, type Doc, type Part } from './document';
import { JsonEditor } from './JsonEditor';
import { MemberList } from './MemberList';
import { Playground } from './Playground';
import { PreviewPanel } from './PreviewPanel';
import { RenameDialog } from './RenameDialog';
import { ReviewDialog } from './ReviewDialog';
import { Scorecards } from './Scorecards';
import { Settings } from './Settings';
import { builderTabs, type BuilderTab } from './tabs';

const tabLabels: Record<BuilderTab, string> = {
  settings: tc.builder.settings,
  properties: tc.builder.parts.properties ?? '',
  relations: tc.builder.parts.relations ?? '',
  derived: tc.builder.derivedCount,
  scorecards: tc.builder.scorecards,
  json: tc.builder.json,
  playground: tc.builder.playground,
};

const partsOf: Partial<Record<BuilderTab, Part[]>> = {
  properties: ['properties'],
  relations: ['relations'],
  derived: ['mirrorProperties', 'calculationProperties', 'aggregationProperties'],
};

type Props = {
  /** The blueprint as it is saved; nothing for a new one. */
  saved: Record<string, unknown> | undefined;
  entityCount: number;
  tab: BuilderTab;
  onTab: (tab: BuilderTab) => void;
};

/** Creates or changes a blueprint: forms beside JSON, with real entities as preview. */
export function BuilderPage({ saved, entityCount, tab, onTab }: Props) {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const before = useMemo(() => (saved ? complete(saved) : undefined), [saved]);
  const [doc, setDoc] = useState<Doc>(() => before ?? emptyDoc());
  const [reviewing, setReviewing] = useState(false);
  const [renaming, setRenaming] = useState<{ part: Part; name: string }>();
  const isNew = before === undefined;
  const changes = useMemo(() => differences(before ?? emptyDoc(), doc), [before, doc]);
  const dirty = changes.length > 0;

  const save = useMutation({
    mutationFn: (dropFailing: boolean) => saveBlueprint(doc, isNew, dropFailing),
    onSuccess: async ({ blueprint }) => {
      const next = complete(blueprint);
      setDoc(next);
      setReviewing(false);
      await queryClient.invalidateQueries({ queryKey: ['blueprint'] });
      void queryClient.invalidateQueries({ queryKey: ['entity'] });
      toastDone(isNew ? tc.builder.created(next.title) : tc.builder.saved(next.title));
      if (isNew) {
        await navigate({
          to: '/blueprints/$blueprint',
          params: { blueprint: next.identifier },
          search: { tab },
          ignoreBlocker: true,
        });
      }
    },
  });
  const remove = useMutation({
    mutationFn: () => api.delete('/v1/blueprints/{bp}', { path: { bp: doc.identifier } }),
    onSuccess: async () => {
      toastDone(tc.builder.deleted(doc.title));
      setDoc(before ?? emptyDoc());
      await navigate({ to: '/blueprints', ignoreBlocker: true });
      void queryClient.invalidateQueries({ queryKey: ['blueprint'] });
    },
    onError: (error) => toastError(error),
  });
  const problems = useMemo(() => pointers(save.error), [save.error]);
  const title = isNew ? tc.builder.newBlueprint : tc.builder.edit(before.title || before.identifier);

  return (
    <div className="sph-page">
      <LeaveGuard active={dirty && !save.isPending} />
      <PageHeader
        title={title}
        crumbs={[{ label: tc.builder.title, link: { to: '/blueprints' } }, { label: title }]}
        status={dirty && <Pill tone="info">{tc.builder.changes(changes.length)}</Pill>}
        actions={
          <>
            {!isNew && (
              <ButtonLink
                variant="default"
                to="/catalog/$blueprint"
                params={{ blueprint: before.identifier }}
              >
                {tc.builder.entities} ({entityCount})
              </ButtonLink>
            )}
            {!isNew && entityCount === 0 && !before.identifier.startsWith('_') && (
              <Button
                variant="default"
                onClick={() =>
                  confirm({
                    title: tc.builder.deleteTitle(before.title),
                    text: tc.builder.deleteText,
                    verb: tc.builder.delete,
                    danger: true,
                    onConfirm: () => remove.mutate(),
                  })
                }
              >
                {tc.builder.delete}
              </Button>
            )}
            {dirty && !isNew && (
              <Button variant="default" onClick={() => setDoc(before)}>
                {tc.builder.discard}
              </Button>
            )}
            <Button
              disabled={!dirty || doc.identifier === '' || doc.title === ''}
              onClick={() => setReviewing(true)}
            >
              {tc.builder.review}
            </Button>
          </>
        }
      />
      <div className={css.layout}>
        <Tabs
          value={tab}
          onChange={(value) => onTab((value ?? 'properties') as BuilderTab)}
          keepMounted={false}
        >
          <Tabs.List mb="md">
            {builderTabs.map((name) => (
              <Tabs.Tab key={name} value={name}>
                {tabLabels[name]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="settings">
            <Settings doc={doc} isNew={isNew} problems={problems} onChange={setDoc} />
          </Tabs.Panel>
          {(['properties', 'relations', 'derived'] as const).map((name) => (
            <Tabs.Panel key={name} value={name}>
              <div style={{ display: 'grid', gap: 16 }}>
                {partsOf[name]?.map((part) => (
                  <MemberList
                    key={part}
                    doc={doc}
                    part={part}
                    saved={before}
                    problems={problems}
                    onChange={setDoc}
                    onRename={(which, member) => setRenaming({ part: which, name: member })}
                  />
                ))}
              </div>
            </Tabs.Panel>
          ))}
          <Tabs.Panel value="scorecards">
            {before ? <Scorecards doc={before} /> : <Text size="sm">{tc.builder.saveFirst}</Text>}
          </Tabs.Panel>
          <Tabs.Panel value="json">
            <JsonEditor doc={doc} onChange={setDoc} />
          </Tabs.Panel>
          <Tabs.Panel value="playground">
            <Playground blueprint={before?.identifier} />
          </Tabs.Panel>
        </Tabs>
        <div className={css.side}>
          <PreviewPanel doc={doc} enabled={!isNew && entityCount > 0} />
        </div>
      </div>
      {reviewing && (
        <ReviewDialog
          doc={doc}
          differences={changes}
          isNew={isNew}
          saving={save.isPending}
          saveError={save.error}
          onSave={(drop) => save.mutate(drop)}
          onClose={() => {
            setReviewing(false);
            save.reset();
          }}
        />
      )}
      {renaming && before && (
        <RenameDialog
          blueprint={before.identifier}
          part={renaming.part}
          name={renaming.name}
          onClose={() => setRenaming(undefined)}
          onRenamed={(blueprint) => {
            setDoc(complete(blueprint));
            setRenaming(undefined);
            void queryClient.invalidateQueries({ queryKey: blueprintQuery(before.identifier).queryKey });
          }}
        />
      )}
    </div>
  );
}

/** Field problems by JSON pointer. */
function pointers(error: unknown): Record<string, string> {
  if (!isApiError(error)) return {};
  return Object.fromEntries(
    Object.entries(error.fieldErrors()).map(([field, text]) => [
      field.startsWith('/') ? field : `/${field}`,
      text,
    ]),
  );
}
