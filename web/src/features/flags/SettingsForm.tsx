import {
  ActionIcon,
  Button,
  Checkbox,
  Group,
  NumberInput,
  Radio,
  Select,
  Stack,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { teamsQuery } from '~/api/queries';
import { tf } from '~/strings/flags';
import { IconPlus, IconX } from '~/ui/icons';
import css from './flags.module.css';
import { permanentKinds, valueProblem, type SettingsDraft } from './settings';

const p = tf.page;

type Props = {
  value: SettingsDraft;
  onChange: (part: Partial<SettingsDraft>) => void;
  errors?: Record<string, string>;
  disabled?: boolean;
};

/** What kind of flag it is, and how long it is expected to live. */
export function KindChoice({ value, onChange, disabled }: Props) {
  return (
    <Radio.Group
      label={p.kind}
      value={value.kind}
      onChange={(kind) =>
        onChange({ kind: kind as SettingsDraft['kind'], permanent: permanentKinds.includes(kind) })
      }
    >
      <div className={css.kinds}>
        {Object.entries(tf.list.kinds).map(([kind, label]) => (
          <Radio
            key={kind}
            size="sm"
            value={kind}
            label={label}
            description={tf.list.kindTexts[kind]}
            disabled={disabled || (kind === 'kill-switch' && value.type !== 'boolean')}
          />
        ))}
      </div>
    </Radio.Group>
  );
}

/** The fields that a flag has in every environment. */
export function SettingsFields({ value, onChange, errors = {}, disabled }: Props) {
  const teams = useQuery(teamsQuery).data ?? [];
  return (
    <Stack gap="md">
      <TextInput
        label={p.titleField}
        maxLength={200}
        disabled={disabled}
        value={value.title ?? ''}
        error={errors.title}
        onChange={(event) => onChange({ title: event.currentTarget.value })}
      />
      <Textarea
        label={p.description}
        description={tf.create.descriptionHint}
        autosize
        minRows={2}
        maxLength={4000}
        disabled={disabled}
        value={value.description ?? ''}
        error={errors.description}
        onChange={(event) => onChange({ description: event.currentTarget.value })}
      />
      <KindChoice value={value} onChange={onChange} disabled={disabled} />
      <Group gap="md" align="flex-start">
        <Checkbox
          mt={28}
          label={p.permanent}
          disabled={disabled}
          checked={value.permanent}
          onChange={(event) => onChange({ permanent: event.currentTarget.checked })}
        />
        {!value.permanent && (
          <NumberInput
            label={p.lifetime}
            description={p.lifetimeHint}
            w={220}
            min={0}
            max={3650}
            disabled={disabled}
            value={value.lifetimeDays || ''}
            error={errors.lifetimeDays}
            onChange={(days) => onChange({ lifetimeDays: Number(days) || 0 })}
          />
        )}
      </Group>
      <Group gap="md" grow align="flex-start">
        <Select
          label={p.owner}
          description={p.ownerHint}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': tf.list.ownerNone }}
          disabled={disabled}
          data={[...new Set([...(value.owner ? [value.owner] : []), ...teams.map((team) => team.name)])]}
          value={value.owner || null}
          error={errors.owner}
          onChange={(owner) => onChange({ owner: owner ?? '' })}
        />
        <TagsInput
          label={p.tags}
          description={p.tagsHint}
          acceptValueOnBlur
          disabled={disabled}
          value={value.tags ?? []}
          error={errors.tags}
          onChange={(tags) => onChange({ tags })}
        />
      </Group>
      <Checkbox
        label={p.clientVisible}
        description={p.clientVisibleText}
        disabled={disabled}
        checked={value.clientVisible}
        onChange={(event) => onChange({ clientVisible: event.currentTarget.checked })}
      />
      <VariationsFields value={value} onChange={onChange} disabled={disabled} errors={errors} />
    </Stack>
  );
}

/** The values that a flag can have. */
function VariationsFields({ value, onChange, errors = {}, disabled }: Props) {
  const { type, variations } = value;
  const set = (at: number, part: Partial<SettingsDraft['variations'][number]>) =>
    onChange({ variations: variations.map((each, i) => (i === at ? { ...each, ...part } : each)) });
  return (
    <div role="group" aria-label={p.variations}>
      <Text size="sm" fw={500}>
        {p.variations}
      </Text>
      <Text size="xs" className="sph-muted" mb={6}>
        {p.variationsHint}
      </Text>
      <Stack gap={6}>
        {variations.map((variation, i) => (
          <div key={i} className={css.line} style={{ alignItems: 'flex-start' }}>
            <TextInput
              size="sm"
              w={160}
              aria-label={`${p.variationName} ${i + 1}`}
              placeholder={p.variationName}
              maxLength={100}
              disabled={disabled}
              value={variation.name}
              error={errors[`variations[${i}].name`] ?? errors[`variations.${i}.name`]}
              onChange={(event) => set(i, { name: event.currentTarget.value })}
            />
            {type === 'boolean' ? (
              <Select
                size="sm"
                w={120}
                aria-label={`${p.variationValue} ${i + 1}`}
                allowDeselect={false}
                disabled={disabled}
                data={['true', 'false']}
                value={variation.text}
                onChange={(text) => text && set(i, { text })}
              />
            ) : type === 'object' ? (
              <Textarea
                size="sm"
                className={css.grow}
                autosize
                aria-label={`${p.variationValue} ${i + 1}`}
                disabled={disabled}
                value={variation.text}
                error={valueProblem(type, variation.text)}
                onChange={(event) => set(i, { text: event.currentTarget.value })}
              />
            ) : (
              <TextInput
                size="sm"
                className={css.grow}
                aria-label={`${p.variationValue} ${i + 1}`}
                placeholder={p.variationValue}
                disabled={disabled}
                value={variation.text}
                error={valueProblem(type, variation.text)}
                onChange={(event) => set(i, { text: event.currentTarget.value })}
              />
            )}
            {!disabled && variations.length > 1 && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={p.removeVariation(variation.name || String(i + 1))}
                onClick={() => onChange({ variations: variations.filter((_, n) => n !== i) })}
              >
                <IconX size={14} />
              </ActionIcon>
            )}
          </div>
        ))}
      </Stack>
      {errors.variations && (
        <Text size="xs" c="var(--sph-bad)">
          {errors.variations}
        </Text>
      )}
      {!disabled && (
        <Button
          mt={6}
          size="compact-sm"
          variant="subtle"
          leftSection={<IconPlus size={14} />}
          onClick={() => onChange({ variations: [...variations, { name: '', text: '' }] })}
        >
          {p.addVariation}
        </Button>
      )}
    </div>
  );
}
