import { tf } from '~/strings/flags';
import { Section } from '~/ui/Section';
import { ScheduleEditor } from './ScheduleEditor';
import { knownOf, usePreview } from './SettingEditor';
import type { Flag, FlagEnvironment } from './types';
import type { Draft } from './useDraft';

/** What a flag will do by itself in one environment. */
export function ScheduleTab(props: {
  flag: Flag;
  environment: FlagEnvironment;
  draft: Draft;
  disabled?: boolean;
}) {
  const { flag, draft, disabled } = props;
  const preview = usePreview(props);
  return (
    <Section title={tf.editor.scheduled} description={tf.editor.scheduleText}>
      <ScheduleEditor
        setting={draft.setting}
        variations={flag.variations}
        known={knownOf(preview.data)}
        disabled={disabled}
        onChange={(schedule) => draft.change({ schedule })}
      />
    </Section>
  );
}
