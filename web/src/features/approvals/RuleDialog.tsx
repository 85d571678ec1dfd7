import {
  Button,
  Checkbox,
  Fieldset,
  Group,
  NativeSelect,
  NumberInput,
  SimpleGrid,
  Stack,
  Switch,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '~/api/client';
import { t } from '~/strings';
import { ta } from '~/strings/approvals';
import { Dialog } from '~/ui/Dialog';
import { toastDone, toastError } from '~/ui/toast';
import { rulesQuery, type ApprovalRule, type RuleBody, type RuleGroup } from './queries';

const roles = ['viewer', 'developer', 'maintainer', 'infrastructure', 'administrator'];

const fresh: RuleBody = { name: '', enabled: true, effect: 'ask', match: {}, groups: [{ need: 1 }] };

function bodyOf(rule: ApprovalRule): RuleBody {
  const { id: _, position: _p, createdAt: _c, createdBy: _b, updatedAt: _u, updatedBy: _y, ...body } = rule;
  return body;
}

const asText = (value: unknown) =>
  value === undefined || value === null ? '' : JSON.stringify(value, null, 2);

/** Makes or changes one rule. */
export function RuleDialog({ rule, onClose }: { rule?: ApprovalRule; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [body, setBody] = useState<RuleBody>(rule ? bodyOf(rule) : fresh);
  const [entity, setEntity] = useState(asText(body.match.entity));
  const [input, setInput] = useState(asText(body.match.input));
  const change = (part: Partial<RuleBody>) => setBody((before) => ({ ...before, ...part }));
  const match = (part: Partial<RuleBody['match']>) => change({ match: { ...body.match, ...part } });
  const groups = body.groups ?? [];
  const setGroup = (at: number, part: Partial<RuleGroup>) =>
    change({ groups: groups.map((group, i) => (i === at ? { ...group, ...part } : group)) });
  const save = useMutation({
    mutationFn: () => {
      const read = (text: string) => (text.trim() ? (JSON.parse(text) as never) : undefined);
      const sent: RuleBody = { ...body, match: { ...body.match, entity: read(entity), input: read(input) } };
      if (sent.effect === 'approve') sent.groups = undefined;
      return rule
        ? api.put('/v1/approval-rules/{id}', { path: { id: rule.id } }, sent)
        : api.post('/v1/approval-rules', {}, sent);
    },
    onSuccess: () => {
      toastDone(ta.rules.saved);
      void queryClient.invalidateQueries({ queryKey: rulesQuery.queryKey });
      onClose();
    },
    onError: (error) => toastError(error),
  });
  const minutes = (
    name: 'dueMinutes' | 'remindMinutes' | 'escalateMinutes' | 'expireMinutes',
    label: string,
  ) => (
    <NumberInput
      label={label}
      min={0}
      max={525600}
      value={body[name] || ''}
      onChange={(value) => change({ [name]: Number(value) || undefined })}
    />
  );
  return (
    <Dialog opened onClose={onClose} size="xl" title={rule ? ta.rules.edit(rule.name) : ta.rules.add}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Stack gap="md">
          <TextInput
            label={ta.rules.name}
            description={ta.rules.nameHint}
            required
            maxLength={100}
            value={body.name}
            onChange={(event) => change({ name: event.currentTarget.value })}
            data-autofocus
          />
          <TextInput
            label={ta.rules.describe}
            maxLength={1000}
            value={body.description ?? ''}
            onChange={(event) => change({ description: event.currentTarget.value || undefined })}
          />
          <Group gap="lg" align="end">
            <NativeSelect
              label={ta.rules.effect}
              value={body.effect}
              onChange={(event) => change({ effect: event.currentTarget.value as RuleBody['effect'] })}
              data={Object.entries(ta.rules.effects).map(([value, label]) => ({ value, label }))}
            />
            <Switch
              label={ta.rules.enabled}
              checked={body.enabled}
              onChange={(event) => change({ enabled: event.currentTarget.checked })}
            />
          </Group>
          <Fieldset legend={ta.rules.match}>
            <Text size="sm" className="sph-muted" mb="sm">
              {ta.rules.matchHint}
            </Text>
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <TagsInput
                label={ta.rules.actions}
                description={ta.rules.actionsHint}
                value={body.match.actions ?? []}
                onChange={(actions) => match({ actions })}
              />
              <TagsInput
                label={ta.rules.environments}
                description={ta.rules.environmentsHint}
                value={body.match.environments ?? []}
                onChange={(environments) => match({ environments })}
              />
              <TagsInput
                label={ta.rules.blueprints}
                value={body.match.blueprints ?? []}
                onChange={(blueprints) => match({ blueprints })}
              />
              <NativeSelect
                label={ta.rules.minRisk}
                value={body.match.minRisk ?? ''}
                onChange={(event) => match({ minRisk: (event.currentTarget.value || undefined) as never })}
                data={[
                  { value: '', label: ta.rules.anyRisk },
                  ...Object.entries(ta.approvals.risk).map(([value, label]) => ({ value, label })),
                ]}
              />
              <NumberInput
                label={ta.rules.minCost}
                value={body.match.minCost ?? ''}
                onChange={(value) => match({ minCost: value === '' ? undefined : Number(value) })}
              />
              <TextInput
                label={ta.rules.condition}
                description={ta.rules.conditionHint}
                value={body.match.condition ?? ''}
                onChange={(event) => match({ condition: event.currentTarget.value || undefined })}
              />
              <Textarea
                label={ta.rules.entityQuery}
                autosize
                minRows={2}
                value={entity}
                onChange={(event) => setEntity(event.currentTarget.value)}
              />
              <Textarea
                label={ta.rules.inputQuery}
                autosize
                minRows={2}
                value={input}
                onChange={(event) => setInput(event.currentTarget.value)}
              />
            </SimpleGrid>
          </Fieldset>
          {body.effect === 'ask' && (
            <Fieldset legend={ta.rules.groups}>
              <Text size="sm" className="sph-muted" mb="sm">
                {ta.rules.groupsHint}
              </Text>
              <Stack gap="lg">
                {groups.map((group, i) => (
                  <GroupFields
                    key={i}
                    n={i + 1}
                    group={group}
                    onChange={(part) => setGroup(i, part)}
                    onRemove={
                      groups.length > 1
                        ? () => change({ groups: groups.filter((_, at) => at !== i) })
                        : undefined
                    }
                  />
                ))}
                <Button
                  variant="default"
                  size="compact-sm"
                  onClick={() => change({ groups: [...groups, { need: 1 }] })}
                  style={{ alignSelf: 'start' }}
                >
                  {ta.rules.addGroup}
                </Button>
              </Stack>
            </Fieldset>
          )}
          {body.effect === 'ask' && (
            <Fieldset legend={ta.rules.times}>
              <SimpleGrid cols={{ base: 1, sm: 2 }}>
                {minutes('dueMinutes', ta.rules.due)}
                {minutes('remindMinutes', ta.rules.remind)}
                {minutes('escalateMinutes', ta.rules.escalate)}
                <TagsInput
                  label={ta.rules.escalateTo}
                  value={body.escalateTo?.people ?? []}
                  onChange={(people) =>
                    change({ escalateTo: people.length > 0 ? { ...body.escalateTo, people } : undefined })
                  }
                />
                {minutes('expireMinutes', ta.rules.expire)}
              </SimpleGrid>
            </Fieldset>
          )}
        </Stack>
        <Group justify="flex-end" gap="xs" mt="lg">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {ta.rules.save}
          </Button>
        </Group>
      </form>
    </Dialog>
  );
}

function GroupFields({
  n,
  group,
  onChange,
  onRemove,
}: {
  n: number;
  group: RuleGroup;
  onChange: (part: Partial<RuleGroup>) => void;
  onRemove?: () => void;
}) {
  return (
    <Fieldset legend={ta.rules.group(n)}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label={ta.rules.groupName}
          value={group.name ?? ''}
          onChange={(event) => onChange({ name: event.currentTarget.value || undefined })}
        />
        <NumberInput
          label={ta.rules.need}
          min={1}
          max={20}
          value={group.need ?? 1}
          onChange={(value) => onChange({ need: Number(value) || 1 })}
        />
        <TagsInput
          label={ta.rules.teams}
          value={group.teams ?? []}
          onChange={(teams) => onChange({ teams })}
        />
        <TagsInput
          label={ta.rules.people}
          value={group.people ?? []}
          onChange={(people) => onChange({ people })}
        />
        <TextInput
          label={ta.rules.onCall}
          value={group.onCall ?? ''}
          onChange={(event) => onChange({ onCall: event.currentTarget.value || undefined })}
        />
      </SimpleGrid>
      <Checkbox.Group
        label={ta.rules.roles}
        mt="sm"
        value={group.roles ?? []}
        onChange={(value) => onChange({ roles: value })}
      >
        <Group gap="md" mt={6}>
          {roles.map((role) => (
            <Checkbox key={role} value={role} label={role} />
          ))}
        </Group>
      </Checkbox.Group>
      <Group justify="space-between" mt="sm">
        <Switch
          label={ta.rules.ownerTeam}
          checked={group.ownerTeam ?? false}
          onChange={(event) => onChange({ ownerTeam: event.currentTarget.checked || undefined })}
        />
        {onRemove && (
          <Button variant="subtle" color="red" size="compact-sm" onClick={onRemove}>
            {ta.rules.removeGroup}
          </Button>
        )}
      </Group>
    </Fieldset>
  );
}
