import type { Instance } from '~/api/types';
import { t } from '~/strings';
import { Pill, type Tone } from '~/ui/bits';

const tones: Record<Instance['state'], Tone> = {
  starting: 'info',
  ready: 'ok',
  unready: 'warn',
  crashed: 'bad',
  stopped: 'mute',
};

export function InstanceState({ state }: { state: Instance['state'] }) {
  return (
    <Pill tone={tones[state] ?? 'mute'} dot>
      {t.entity.instanceState[state] ?? state}
    </Pill>
  );
}
