import { Button, Code, Group, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import type { TrustRule } from '~/api/types';
import { ts } from '~/strings/signin';
import { CopyButton, Pill, When } from '~/ui/bits';
import { confirm } from '~/ui/confirm';
import { IconKey, IconPlus } from '~/ui/icons';
import { Section } from '~/ui/Section';
import { EmptyState, ErrorState, Skeletons } from '~/ui/States';
import { toastError } from '~/ui/toast';
import { snippetFor } from './snippet';
import { TrustForm } from './TrustForm';
import { trustQuery } from './queries';

/** Which CI jobs get a token, by rules about their claims. */
export function Trust() {
  const { data, error, isPending, refetch } = useQuery(trustQuery);
  const [editing, setEditing] = useState<TrustRule | 'new'>();
  return (
    <Section
      title={ts.machines.trust}
      description={ts.machines.trustText}
      flush
      action={
        <Button
          size="compact-sm"
          leftSection={<IconPlus size={15} aria-hidden />}
          onClick={() => setEditing('new')}
        >
          {ts.machines.addRule}
        </Button>
      }
    >
      {isPending && <Skeletons rows={2} />}
      {error && !data && <ErrorState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <EmptyState icon={<IconKey size={28} />} title={ts.machines.noTrust} text={ts.machines.noTrustText} />
      )}
      {data?.map((rule) => (
        <Rule key={rule.id} rule={rule} onEdit={() => setEditing(rule)} />
      ))}
      {editing && (
        <TrustForm rule={editing === 'new' ? undefined : editing} onClose={() => setEditing(undefined)} />
      )}
    </Section>
  );
}

function Rule({ rule, onEdit }: { rule: TrustRule; onEdit: () => void }) {
  const queryClient = useQueryClient();
  const [shown, setShown] = useState(false);
  const remove = useMutation({
    mutationFn: () => api.delete('/v1/trust-rules/{id}', { path: { id: rule.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['machines'] }),
    onError: (reason) => toastError(reason),
  });
  const snippet = snippetFor(rule, window.location.origin);
  return (
    <div>
      <div className="sph-row sph-line">
        <div className="sph-line-text">
          <Text size="sm" fw={550}>
            {rule.name} {!rule.enabled && <Pill tone="warn">{ts.machines.off}</Pill>}
          </Text>
          <Text size="xs" className="sph-muted" style={{ overflowWrap: 'anywhere' }}>
            {rule.issuer} → {rule.serviceName} · {ts.machines.lastUsed} <When at={rule.usedAt} />
          </Text>
          <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere' }}>
            {rule.conditions.map((c) => `${c.claim} = ${c.value}`).join(' · ')}
          </Text>
        </div>
        <Group gap={6}>
          <Button size="compact-sm" variant="default" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {ts.machines.snippet}
          </Button>
          <Button size="compact-sm" variant="default" onClick={onEdit}>
            {ts.machines.edit}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            onClick={() =>
              confirm({
                title: ts.machines.removeRuleTitle(rule.name),
                text: ts.machines.removeRuleText,
                verb: ts.machines.remove,
                danger: true,
                onConfirm: () => remove.mutate(),
              })
            }
          >
            {ts.machines.remove}
          </Button>
        </Group>
      </div>
      {shown && (
        <div style={{ padding: '0 16px 16px' }}>
          <Group justify="flex-end" mb={4}>
            <CopyButton value={snippet} />
          </Group>
          <Code block tabIndex={0}>
            {snippet}
          </Code>
        </div>
      )}
    </div>
  );
}
