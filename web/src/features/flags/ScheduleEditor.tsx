import { ActionIcon, Button, Select, Text, TextInput } from '@mantine/core';
import { relative } from '~/lib/format';
import { useNow } from '~/lib/useNow';
import { tf } from '~/strings/flags';
import { IconPlus, IconX } from '~/ui/icons';
import css from './flags.module.css';
import type { Scheduled, Setting, Variation } from './model';
import { ServeEditor, type Known } from './ServeEditor';
import { fieldTime, hoursFrom, parseFieldTime } from './time';
import { Timeline } from './Timeline';
import { scheduledText } from './words';

const e = tf.editor;

type What = 'on' | 'off' | 'serve';

const whatOf = (step: Scheduled): What => (step.serve ? 'serve' : step.on === false ? 'off' : 'on');

/** What will happen by itself, moment by moment. */
export function ScheduleEditor({
  setting,
  onChange,
  variations,
  known,
  disabled,
}: {
  setting: Setting;
  onChange: (schedule: Scheduled[]) => void;
  variations: Variation[];
  known?: Known;
  disabled?: boolean;
}) {
  const now = useNow();
  const { schedule } = setting;
  const set = (at: number, next: Scheduled) => onChange(schedule.map((each, i) => (i === at ? next : each)));
  const turn = (step: Scheduled, what: What): Scheduled => ({
    at: step.at,
    note: step.note,
    ...(what === 'serve'
      ? { serve: step.serve ?? setting.serve, on: undefined }
      : { on: what === 'on', serve: undefined }),
  });
  const last = schedule.at(-1);
  return (
    <div className={css.stack}>
      {schedule.length === 0 && (
        <Text size="sm" className="sph-muted">
          {e.noSchedule}
        </Text>
      )}
      <Timeline
        label={e.scheduled}
        points={schedule.map((step) => ({ at: step.at, text: scheduledText(step, setting.default) }))}
      />
      {schedule.map((step, i) => (
        <div key={i} className={css.step}>
          <div className={css.line}>
            <TextInput
              type="datetime-local"
              size="xs"
              aria-label={e.stepMoment(i + 1)}
              disabled={disabled}
              value={fieldTime(step.at)}
              onChange={(event) => {
                const at = parseFieldTime(event.currentTarget.value);
                if (at) set(i, { ...step, at });
              }}
            />
            <Select
              size="xs"
              w={150}
              aria-label={e.stepDoes(i + 1)}
              disabled={disabled}
              allowDeselect={false}
              data={[
                { value: 'on', label: e.stepOn },
                { value: 'off', label: e.stepOff },
                { value: 'serve', label: e.stepShare },
              ]}
              value={whatOf(step)}
              onChange={(what) => what && set(i, turn(step, what as What))}
            />
            <TextInput
              size="xs"
              className={css.grow}
              aria-label={e.stepNote(i + 1)}
              placeholder={e.stepNoteHint}
              disabled={disabled}
              maxLength={500}
              value={step.note ?? ''}
              onChange={(event) => set(i, { ...step, note: event.currentTarget.value || undefined })}
            />
            {!disabled && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="md"
                aria-label={e.removeStep(i + 1)}
                onClick={() => onChange(schedule.filter((_, n) => n !== i))}
              >
                <IconX size={14} />
              </ActionIcon>
            )}
          </div>
          {step.serve && (
            <ServeEditor
              serve={step.serve}
              variations={variations}
              fallback={setting.default}
              off={setting.off}
              known={known}
              disabled={disabled}
              label={e.stepMoment(i + 1)}
              onChange={(serve) => set(i, { ...step, serve })}
            />
          )}
          <Text size="sm" className={css.sentence}>
            {relative(step.at, now)}: {scheduledText(step, setting.default)}
          </Text>
        </div>
      ))}
      {!disabled && (
        <Button
          size="compact-sm"
          variant="subtle"
          className={css.start}
          leftSection={<IconPlus size={14} />}
          onClick={() =>
            onChange([
              ...schedule,
              {
                at: hoursFrom(last ? Date.parse(last.at) : now, 24),
                on: last ? last.on === false : !setting.on,
              },
            ])
          }
        >
          {e.addStep}
        </Button>
      )}
    </div>
  );
}
