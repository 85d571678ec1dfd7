import { ActionIcon, Button, Checkbox, Group, Text, TextInput } from '@mantine/core';
import { useNow } from '~/lib/useNow';
import { tf } from '~/strings/flags';
import { IconPlus, IconX } from '~/ui/icons';
import css from './flags.module.css';
import type { Ramp, Serve } from './model';
import { percentText, whole } from './share';
import { ShareSlider } from './ShareSlider';
import { fieldTime, hoursFrom, parseFieldTime, rampAt } from './time';
import { Timeline } from './Timeline';

const e = tf.editor;

/** A ramp that takes a day, in four steps. */
function usualRamp(serve: Serve, now: number): Ramp {
  const growing = serve.weights?.find((each) => each.weight < whole) ?? serve.weights![0]!;
  const from = growing.weight;
  return {
    variation: growing.variation,
    linear: true,
    steps: [
      { at: hoursFrom(now, 1), weight: from },
      { at: hoursFrom(now, 25), weight: whole },
    ],
  };
}

/** A share that moves by itself from moment to moment. */
export function RampEditor({
  serve,
  onChange,
  label,
  disabled,
}: {
  serve: Serve;
  onChange: (serve: Serve) => void;
  label: string;
  disabled?: boolean;
}) {
  const now = useNow();
  const { ramp } = serve;
  if (!ramp) {
    if (disabled || !serve.weights || serve.weights.length < 2) return null;
    return (
      <Button
        size="compact-sm"
        variant="subtle"
        className={css.start}
        leftSection={<IconPlus size={14} />}
        onClick={() => onChange({ ...serve, ramp: usualRamp(serve, now) })}
      >
        {e.ramp}
      </Button>
    );
  }
  const set = (next: Ramp) => onChange({ ...serve, ramp: next });
  const step = (at: number, part: Partial<Ramp['steps'][number]>) =>
    set({ ...ramp, steps: ramp.steps.map((each, i) => (i === at ? { ...each, ...part } : each)) });
  const current = rampAt(ramp, now);
  return (
    <div className={css.ramp} role="group" aria-label={`${e.ramp}: ${label}`}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={550}>
          {e.rampOf(ramp.variation)}
          {current !== undefined && (
            <span className="sph-muted"> · {e.rampNow(percentText(Math.round(current / 100) * 100))}</span>
          )}
        </Text>
        {!disabled && (
          <Group gap="sm">
            <Checkbox
              size="xs"
              label={e.rampLinear}
              checked={ramp.linear ?? false}
              onChange={(event) => set({ ...ramp, linear: event.currentTarget.checked || undefined })}
            />
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => onChange({ ...serve, ramp: undefined })}
            >
              {e.rampRemove}
            </Button>
          </Group>
        )}
      </Group>
      <Timeline
        label={e.rampOf(ramp.variation)}
        linear={ramp.linear}
        points={ramp.steps.map((each) => ({
          at: each.at,
          weight: each.weight,
          text: percentText(each.weight),
        }))}
      />
      {ramp.steps.map((each, i) => (
        <div key={i} className={css.rampStep}>
          <TextInput
            type="datetime-local"
            size="xs"
            aria-label={e.rampAt(i + 1)}
            disabled={disabled}
            value={fieldTime(each.at)}
            onChange={(event) => {
              const at = parseFieldTime(event.currentTarget.value);
              if (at) step(i, { at });
            }}
          />
          <ShareSlider
            value={each.weight}
            label={e.rampShare(i + 1)}
            disabled={disabled}
            onChange={(weight) => step(i, { weight })}
          />
          {!disabled && ramp.steps.length > 1 && (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="md"
              aria-label={e.removeStep(i + 1)}
              onClick={() => set({ ...ramp, steps: ramp.steps.filter((_, n) => n !== i) })}
            >
              <IconX size={14} />
            </ActionIcon>
          )}
        </div>
      ))}
      {!disabled && (
        <Button
          size="compact-sm"
          variant="subtle"
          className={css.start}
          leftSection={<IconPlus size={14} />}
          onClick={() => {
            const last = ramp.steps.at(-1)!;
            set({
              ...ramp,
              steps: [...ramp.steps, { at: hoursFrom(Date.parse(last.at), 24), weight: last.weight }],
            });
          }}
        >
          {e.addStep}
        </Button>
      )}
    </div>
  );
}
