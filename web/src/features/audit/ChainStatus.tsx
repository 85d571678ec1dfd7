import { Anchor, Code, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { count, fullTime } from '~/lib/format';
import { ta } from '~/strings/audit';
import { CopyButton, Fact, Facts, Pill, When } from '~/ui/bits';
import { Dialog } from '~/ui/Dialog';
import { chainQuery } from './queries';

/** Up to where the log is sealed and signed, and how its sinks stand. */
export function ChainStatus() {
  const { data } = useQuery(chainQuery);
  const [open, setOpen] = useState(false);
  if (!data) return null;
  const { chain, sinks } = data;
  const failing = sinks.filter((each) => each.error);
  return (
    <Group gap="xs" mb="sm" role="status">
      <Pill tone={chain.checkpoint ? 'ok' : 'mute'} dot>
        {chain.position > 0 ? ta.chain.verified(count(chain.position)) : ta.chain.none}
      </Pill>
      <Text size="sm" className="sph-muted">
        {chain.checkpoint ? (
          <>
            {ta.chain.signed} {count(chain.checkpoint.position)} · <When at={chain.checkpoint.at} />
          </>
        ) : (
          ta.chain.notSigned
        )}
        {chain.waiting > 0 && <> · {ta.chain.waiting(count(chain.waiting))}</>}
      </Text>
      {failing.map((each) => (
        <Pill key={each.name} tone="bad" dot>
          {ta.chain.sinkFails(each.name)}
        </Pill>
      ))}
      <Anchor component="button" type="button" size="sm" onClick={() => setOpen(true)}>
        {ta.chain.details}
      </Anchor>
      <Dialog opened={open} onClose={() => setOpen(false)} title={ta.chain.details} size="lg">
        <Facts>
          <Fact name={ta.chain.log}>
            <span className="mono">{chain.log}</span>
          </Fact>
          <Fact name={ta.chain.position}>{count(chain.position)}</Fact>
          {chain.checkpoint && (
            <Fact name={ta.chain.last}>
              {count(chain.checkpoint.position)} · {fullTime(chain.checkpoint.at)}
            </Fact>
          )}
          <Fact name={ta.chain.key}>
            <Group gap={4} wrap="nowrap" justify="flex-end">
              <span className="mono" style={{ overflowWrap: 'anywhere' }}>
                {data.publicKey}
              </span>
              <CopyButton value={data.publicKey} size="xs" />
            </Group>
          </Fact>
          {sinks.map((each) => (
            <Fact key={each.name} name={<span className="mono">{each.name}</span>}>
              {each.error ? (
                <Pill tone="bad" dot>
                  {each.error}
                </Pill>
              ) : (
                ta.chain.upTo(count(each.position))
              )}
              {each.required && <div className="sph-muted">{ta.chain.required}</div>}
            </Fact>
          ))}
        </Facts>
        {sinks.length === 0 && (
          <Text size="sm" className="sph-muted" mt="sm">
            {ta.chain.noSinks}
          </Text>
        )}
        <Text size="sm" mt="md">
          {ta.chain.verify}
        </Text>
        <Code block mt={4}>
          {'sphera audit verify --checkpoint FILE'}
        </Code>
      </Dialog>
    </Group>
  );
}
