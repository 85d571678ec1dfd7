import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ti } from '~/strings/inout';
import { Pill } from '~/ui/bits';
import { IconPlug } from '~/ui/icons';
import { ButtonLink } from '~/ui/links';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { pagesQuery, sidebarQuery } from './api';
import type { TabProps } from './InOutPage';
import { Back, Block, Line, Listed } from './parts';

const w = ti.pages;

/** Pages and folders as they were sent. */
export function PagesTab({ id, onOpen }: TabProps) {
  const items = useQuery(sidebarQuery);
  const page = useQuery(pagesQuery).data?.find((one) => one.identifier === id);
  if (id && page) {
    return (
      <>
        <Back onBack={() => onOpen(undefined)} />
        <Section title={page.title || page.identifier} description={w.kept}>
          <Block value={page} />
        </Section>
      </>
    );
  }
  return (
    <Section title={ti.tabs.pages!} flush>
      <Listed query={items} icon={<IconPlug size={32} />} none={w.none} noneText={w.noneText}>
        {(list) => (
          <>
            <div style={{ padding: '10px 16px' }}>
              <Note tone="info">{w.kept}</Note>
            </div>
            {list.map((one) => {
              const blueprint = typeof one.blueprint === 'string' ? one.blueprint : '';
              const type = typeof one.type === 'string' ? one.type : '';
              const folder = one.sidebarType === 'folder';
              return (
                <Line
                  key={`${one.sidebarType}/${one.identifier}`}
                  name={one.title || one.identifier}
                  text={typeof one.parent === 'string' && one.parent ? one.parent : one.identifier}
                  side={
                    <>
                      <Pill tone="mute">{folder ? w.folder : (w.types[type] ?? (type || w.folder))}</Pill>
                      {blueprint && type === 'blueprint-entities' && (
                        <ButtonLink
                          size="compact-sm"
                          variant="default"
                          to="/catalog/$blueprint"
                          params={{ blueprint }}
                        >
                          {w.open}
                        </ButtonLink>
                      )}
                      {!folder && (
                        <Button size="compact-sm" variant="default" onClick={() => onOpen(one.identifier)}>
                          {w.document}
                        </Button>
                      )}
                    </>
                  }
                />
              );
            })}
          </>
        )}
      </Listed>
    </Section>
  );
}
