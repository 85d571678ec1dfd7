import { tf } from '~/strings/flags';
import type { FlagEnvironment } from './types';
import { percentText, whole } from './share';
import { manyOf } from './words';

/** "25 % of accounts" in one line: what a flag does in an environment. */
export function shortState(environment: FlagEnvironment): string {
  if (!environment.on) return tf.list.states.off!;
  const shares = (environment.shares ?? []).filter((each) => each.weight > 0);
  const only = shares[0];
  if (shares.length === 1 && only) {
    if (environment.rules.length > 0) return tf.list.oneAndRules(only.variation, environment.rules.length);
    return only.variation;
  }
  // The share that grows is the first that is not given while the flag is off.
  const shown = shares.find((each) => each.variation !== environment.off) ?? only;
  if (!shown) return tf.list.states.on!;
  return tf.list.shareOf(percentText(shown.weight), manyOf(environment.serve.by), shown.variation);
}

/** The share of what is not the off variation, from 0 to 1; for a bar. */
export function openShare(environment: FlagEnvironment): number {
  if (!environment.on) return 0;
  const shares = environment.shares ?? [];
  return (
    shares.filter((each) => each.variation !== environment.off).reduce((sum, each) => sum + each.weight, 0) /
    whole
  );
}
