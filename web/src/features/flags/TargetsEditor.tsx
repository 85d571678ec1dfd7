import { ActionIcon, Button, MultiSelect, Select, TagsInput, Text } from '@mantine/core';
import { tf } from '~/strings/flags';
import { IconPlus, IconX } from '~/ui/icons';
import css from './flags.module.css';
import { userKey, type Prerequisite, type Target, type Variation } from './model';

const e = tf.editor;

/** Named accounts or users that get one variation whatever the rules say. */
export function TargetsEditor({
  targets,
  onChange,
  variations,
  disabled,
}: {
  targets: Target[];
  onChange: (targets: Target[]) => void;
  variations: Variation[];
  disabled?: boolean;
}) {
  const set = (at: number, part: Partial<Target>) =>
    onChange(targets.map((each, i) => (i === at ? { ...each, ...part } : each)));
  const keys = ['accountId', userKey, 'sessionId'];
  return (
    <div className={css.stack}>
      {targets.map((target, i) => {
        const attribute = target.attribute || userKey;
        return (
          <div key={i} className={css.line}>
            <Select
              size="xs"
              w={130}
              aria-label={`${e.targetAttribute} ${i + 1}`}
              disabled={disabled}
              allowDeselect={false}
              data={[...new Set([...keys, attribute])].map((value) => ({
                value,
                label: e.byNames[value] ?? value,
              }))}
              value={attribute}
              onChange={(value) => value && set(i, { attribute: value })}
            />
            <TagsInput
              size="xs"
              className={css.grow}
              aria-label={`${e.targetKeys} ${i + 1}`}
              placeholder={target.values.length > 0 ? undefined : e.targetHint}
              disabled={disabled}
              splitChars={[',', ';', '\n', ' ']}
              acceptValueOnBlur
              maxTags={5000}
              clearable={false}
              value={target.values}
              onChange={(values) => set(i, { values })}
            />
            <Select
              size="xs"
              w={130}
              aria-label={`${e.variation} ${i + 1}`}
              disabled={disabled}
              allowDeselect={false}
              data={variations.map(({ name }) => name)}
              value={target.variation}
              onChange={(value) => value && set(i, { variation: value })}
            />
            {!disabled && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="md"
                aria-label={`${e.removeTarget} ${i + 1}`}
                onClick={() => onChange(targets.filter((_, n) => n !== i))}
              >
                <IconX size={14} />
              </ActionIcon>
            )}
          </div>
        );
      })}
      {!disabled && (
        <Button
          size="compact-sm"
          variant="subtle"
          className={css.start}
          leftSection={<IconPlus size={14} />}
          onClick={() =>
            onChange([
              ...targets,
              { variation: variations[0]?.name ?? '', attribute: 'accountId', values: [] },
            ])
          }
        >
          {e.addTarget}
        </Button>
      )}
    </div>
  );
}

/** Flags of the same project that have to give something first. */
export function PrerequisitesEditor({
  prerequisites,
  onChange,
  flags,
  disabled,
}: {
  prerequisites: Prerequisite[];
  onChange: (prerequisites: Prerequisite[]) => void;
  /** The other flags of the project with their variations. */
  flags: { key: string; variations: string[] }[];
  disabled?: boolean;
}) {
  const set = (at: number, part: Partial<Prerequisite>) =>
    onChange(prerequisites.map((each, i) => (i === at ? { ...each, ...part } : each)));
  const first = flags[0];
  return (
    <div className={css.stack}>
      {prerequisites.map((one, i) => (
        <div key={i} className={css.line}>
          <Select
            size="xs"
            className={css.grow}
            aria-label={`${e.prerequisiteFlag} ${i + 1}`}
            disabled={disabled}
            allowDeselect={false}
            searchable
            data={[...new Set([one.flag, ...flags.map(({ key }) => key)])]}
            value={one.flag}
            onChange={(flag) => {
              const chosen = flags.find(({ key }) => key === flag);
              if (chosen) set(i, { flag: chosen.key, variations: chosen.variations.slice(0, 1) });
            }}
          />
          <Text size="sm" className="sph-muted">
            {e.prerequisiteServes}
          </Text>
          <MultiSelect
            size="xs"
            className={css.grow}
            aria-label={`${e.variation} ${i + 1}`}
            disabled={disabled}
            data={[
              ...new Set([
                ...one.variations,
                ...(flags.find(({ key }) => key === one.flag)?.variations ?? []),
              ]),
            ]}
            value={one.variations}
            onChange={(variations) => variations.length > 0 && set(i, { variations })}
          />
          {!disabled && (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="md"
              aria-label={`${e.removePrerequisite} ${i + 1}`}
              onClick={() => onChange(prerequisites.filter((_, n) => n !== i))}
            >
              <IconX size={14} />
            </ActionIcon>
          )}
        </div>
      ))}
      {!disabled && first && (
        <Button
          size="compact-sm"
          variant="subtle"
          className={css.start}
          leftSection={<IconPlus size={14} />}
          onClick={() =>
            onChange([...prerequisites, { flag: first.key, variations: first.variations.slice(0, 1) }])
          }
        >
          {e.addPrerequisite}
        </Button>
      )}
    </div>
  );
}
