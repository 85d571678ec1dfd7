import {
  ActionIcon,
  Autocomplete,
  Button,
  Checkbox,
  Group,
  NumberInput,
  Select,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import type { TrustRule } from '~/api/types';
import { ts } from '~/strings/signin';
import { Dialog } from '~/ui/Dialog';
import { IconX } from '~/ui/icons';
import { Note } from '~/ui/Note';
import { accountsQuery } from './queries';

const issuers = ['https://token.actions.githubusercontent.com', 'https://gitlab.com'];
const claims = ['repository', 'ref', 'environment', 'project_path', 'ref_protected', 'workflow_ref', 'sub'];

/** A rule about CI jobs, new or changed. */
export function TrustForm({ rule, onClose }: { rule?: TrustRule; onClose: () => void }) {
  const queryClient = useQueryClient();
  const accounts = useQuery(accountsQuery).data ?? [];
  const [form, setForm] = useState({
    name: rule?.name ?? '',
    issuer: rule?.issuer ?? issuers[0]!,
    audience: rule?.audience ?? window.location.origin,
    conditions: rule?.conditions ?? [
      { claim: 'repository', value: '' },
      { claim: 'ref', value: 'refs/heads/main' },
    ],
    service: rule?.service ?? '',
    scopes: (rule?.scopes ?? []).join(' '),
    ttlSeconds: rule?.ttlSeconds ?? 900,
    enabled: rule?.enabled ?? true,
  });
  const set = (change: Partial<typeof form>) => setForm((before) => ({ ...before, ...change }));
  const save = useMutation({
    mutationFn: () => {
      const body = { ...form, scopes: form.scopes.split(/[\s,]+/).filter(Boolean) };
      return rule
        ? api.put('/v1/trust-rules/{id}', { path: { id: rule.id } }, body)
        : api.post('/v1/trust-rules', {}, body);
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['machines'] });
      onClose();
    },
  });
  const fields = isApiError(save.error) ? save.error.fieldErrors() : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const condition = (index: number, change: { claim?: string; value?: string }) =>
    set({ conditions: form.conditions.map((c, i) => (i === index ? { ...c, ...change } : c)) });
  return (
    <Dialog opened onClose={onClose} size="lg" title={ts.machines.addRule}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {save.error && (
            <Note tone="bad" role="alert">
              {save.error.message}
            </Note>
          )}
          <TextInput
            data-autofocus
            label={ts.machines.rule}
            required
            withAsterisk={false}
            value={form.name}
            error={fields.name}
            onChange={(event) => set({ name: event.currentTarget.value })}
          />
          <Autocomplete
            label={ts.machines.issuer}
            data={issuers}
            value={form.issuer}
            error={fields.issuer}
            onChange={(issuer) => set({ issuer })}
          />
          <TextInput
            label={ts.machines.audience}
            description={ts.machines.audienceHelp}
            value={form.audience}
            error={fields.audience}
            onChange={(event) => set({ audience: event.currentTarget.value })}
          />
          <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
            <Text component="legend" size="sm" fw={550}>
              {ts.machines.conditions}
            </Text>
            <Text size="xs" className="sph-muted" mb={4}>
              {ts.machines.valueHelp}
            </Text>
            {form.conditions.map((c, index) => (
              <Group key={index} gap="xs" mb={6} wrap="nowrap" align="flex-start">
                <Autocomplete
                  aria-label={ts.machines.claim}
                  data={claims}
                  w={150}
                  value={c.claim}
                  error={fields[`conditions.${index}.claim`]}
                  onChange={(claim) => condition(index, { claim })}
                />
                <TextInput
                  aria-label={ts.machines.value}
                  style={{ flex: 1 }}
                  value={c.value}
                  error={fields[`conditions.${index}.value`]}
                  onChange={(event) => condition(index, { value: event.currentTarget.value })}
                />
                <ActionIcon
                  variant="subtle"
                  size="lg"
                  aria-label={ts.machines.removeCondition}
                  onClick={() => set({ conditions: form.conditions.filter((_, i) => i !== index) })}
                >
                  <IconX size={15} />
                </ActionIcon>
              </Group>
            ))}
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => set({ conditions: [...form.conditions, { claim: '', value: '' }] })}
            >
              {ts.machines.addCondition}
            </Button>
          </fieldset>
          <Select
            label={ts.machines.account}
            data={accounts.map((a) => ({ value: a.id, label: `${a.name} (${a.team})` }))}
            value={form.service || null}
            error={fields.service}
            onChange={(service) => set({ service: service ?? '' })}
          />
          <TextInput
            label={ts.machines.scopes}
            description={ts.machines.scopesHelp}
            value={form.scopes}
            error={fields.scopes}
            onChange={(event) => set({ scopes: event.currentTarget.value })}
          />
          <NumberInput
            label={ts.machines.minutes}
            min={1}
            max={60}
            w={200}
            value={form.ttlSeconds / 60}
            error={fields.ttlSeconds}
            onChange={(value) => set({ ttlSeconds: Number(value) * 60 })}
          />
          <Checkbox
            label={ts.machines.enabled}
            checked={form.enabled}
            onChange={(event) => set({ enabled: event.currentTarget.checked })}
          />
          <Group justify="flex-end">
            <Button type="submit" loading={save.isPending}>
              {ts.machines.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
