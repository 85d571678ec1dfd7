import { Button, Code, Group, SegmentedControl, Select, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { count } from '~/lib/format';
import { tf } from '~/strings/flags';
import { IconPlus } from '~/ui/icons';
import css from './flags.module.css';
import { userKey, type Serve, type Variation } from './model';
import { RampEditor } from './RampEditor';
import { percentText, whole, withShare } from './share';
import { ShareSlider } from './ShareSlider';
import { guardText, manyOf } from './words';

const e = tf.editor;
const usualKeys = [userKey, 'accountId', 'sessionId'];

/** How many of those that are known a share is of. */
export type Known = { attribute: string; count: number };

type Props = {
  serve: Serve;
  onChange: (serve: Serve) => void;
  variations: Variation[];
  /** The variation that counts when nothing else does; empty is the default in the code. */
  fallback: string;
  /** The variation while the flag is off: nobody opens that one. */
  off: string;
  known?: Known;
  label: string;
  disabled?: boolean;
};

/** What somebody gets: one variation, or a share of each. */
export function ServeEditor(props: Props) {
  const { serve, onChange, variations, fallback, off, disabled, label } = props;
  if (serve.raw !== undefined && serve.raw !== null) {
    return (
      <div>
        <Text size="sm" className="sph-muted">
          {e.rawServe}
        </Text>
        <Code block>{JSON.stringify(serve.raw, null, 2)}</Code>
        {!disabled && (
          <Button
            size="compact-sm"
            mt={6}
            variant="default"
            onClick={() => onChange({ variation: fallback })}
          >
            {e.rawReplace}
          </Button>
        )}
      </div>
    );
  }
  const shared = Boolean(serve.weights?.length);
  const only = serve.variation || fallback || variations[0]?.name || '';
  const share = () => {
    // The first variation grows from what it has; the order of the flag stays.
    const weights = variations.map(({ name }) => ({ variation: name, weight: name === only ? whole : 0 }));
    // Who lacks the attribute is not let in by a default that lets everybody in.
    onChange({ by: 'accountId', weights, otherwise: off && off !== fallback ? off : undefined });
  };
  const one = () => {
    const largest = [...(serve.weights ?? [])].sort((a, b) => b.weight - a.weight)[0];
    onChange({ variation: largest?.variation ?? fallback });
  };
  return (
    <div className={css.serve}>
      <Group gap="xs">
        <SegmentedControl
          size="xs"
          aria-label={`${e.serveKind}: ${label}`}
          disabled={disabled}
          value={shared ? 'share' : 'one'}
          onChange={(value) => (value === 'share' ? share() : one())}
          data={[
            { value: 'one', label: e.serveOne },
            { value: 'share', label: e.serveShare },
          ]}
        />
        {!shared && (
          <Select
            size="xs"
            w={170}
            aria-label={`${e.variation}: ${label}`}
            disabled={disabled}
            allowDeselect={false}
            data={variations.map(({ name }) => name)}
            value={only || null}
            onChange={(variation) => variation && onChange({ variation })}
          />
        )}
        {shared && <ByPicker {...props} />}
      </Group>
      {shared && <Shares {...props} />}
    </div>
  );
}

/** The attribute whose value decides the share. */
function ByPicker({ serve, onChange, disabled, label }: Props) {
  const by = serve.by || userKey;
  const [own, setOwn] = useState(!usualKeys.includes(by));
  return (
    <>
      <Select
        size="xs"
        w={170}
        aria-label={`${e.by}: ${label}`}
        disabled={disabled}
        allowDeselect={false}
        data={[
          ...usualKeys.map((value) => ({ value, label: `${e.byWord} ${e.byNames[value]}` })),
          { value: 'own', label: e.byOther },
        ]}
        value={own ? 'own' : by}
        onChange={(value) => {
          setOwn(value === 'own');
          if (value && value !== 'own') onChange({ ...serve, by: value });
        }}
      />
      {own && (
        <TextInput
          size="xs"
          w={150}
          aria-label={e.byAttribute}
          placeholder={e.byAttribute}
          disabled={disabled}
          value={usualKeys.includes(by) ? '' : by}
          onChange={(event) => onChange({ ...serve, by: event.currentTarget.value.trim() || undefined })}
        />
      )}
    </>
  );
}

function Shares(props: Props) {
  const { serve, onChange, variations, fallback, off, known, disabled, label } = props;
  const weights = serve.weights ?? [];
  const names = variations.map(({ name }) => name);
  const missing = names.filter((name) => !weights.some((each) => each.variation === name));
  const sum = weights.reduce((total, each) => total + each.weight, 0);
  const by = serve.by || userKey;
  // Of two shares one is what the other leaves: the one that nobody asks for gets no slider.
  const quiet = weights.length === 2 ? (weights[0]!.variation === off ? 0 : 1) : undefined;
  const set = (index: number, value: number) => {
    const next = withShare(
      weights.map((each) => each.weight),
      index,
      value,
    );
    onChange({ ...serve, weights: weights.map((each, i) => ({ ...each, weight: next[i]! })) });
  };
  const about = (weight: number) =>
    known && known.attribute === by && known.count > 0
      ? e.about(count(Math.round((known.count * weight) / whole)), count(known.count), manyOf(by))
      : undefined;
  return (
    <>
      <div className={css.shares} role="group" aria-label={`${e.serveShare}: ${label}`}>
        {weights.map((each, i) => {
          if (i === quiet) return null;
          return (
            <div key={each.variation} className={css.shareRow}>
              <div className={css.shareName}>
                <Text size="sm" fw={550} truncate>
                  {each.variation}
                </Text>
                {about(each.weight) && (
                  <Text size="xs" className="sph-muted num">
                    {about(each.weight)}
                  </Text>
                )}
              </div>
              <ShareSlider
                value={each.weight}
                disabled={disabled}
                label={e.shareOf(each.variation, label)}
                onChange={(value) => set(i, value)}
              />
            </div>
          );
        })}
        {quiet !== undefined && (
          <Text size="sm" className="sph-muted num">
            {e.restGets(percentText(weights[quiet]!.weight), weights[quiet]!.variation)}
          </Text>
        )}
        {missing.length > 0 && !disabled && (
          <Group gap={6}>
            {missing.map((name) => (
              <Button
                key={name}
                size="compact-xs"
                variant="default"
                leftSection={<IconPlus size={12} />}
                onClick={() =>
                  onChange({
                    ...serve,
                    weights: names
                      .filter((one) => one === name || !missing.includes(one))
                      .map(
                        (one) => weights.find((w) => w.variation === one) ?? { variation: one, weight: 0 },
                      ),
                  })
                }
              >
                {name}
              </Button>
            ))}
          </Group>
        )}
      </div>
      {sum !== whole && (
        <Text size="sm" c="var(--sph-bad)" role="alert">
          {e.sumWrong} ({percentText(sum)})
        </Text>
      )}
      <Group gap="xs" className={css.guard}>
        <Text size="sm" className="sph-muted">
          {guardText(serve, fallback)}
        </Text>
        {!disabled && (
          <Select
            size="xs"
            w={150}
            aria-label={e.guardChoice(by)}
            allowDeselect={false}
            data={[
              { value: '', label: e.guardDefault },
              ...names.map((name) => ({ value: name, label: name })),
            ]}
            value={serve.otherwise ?? ''}
            onChange={(value) => onChange({ ...serve, otherwise: value || undefined })}
          />
        )}
      </Group>
      <RampEditor serve={serve} onChange={onChange} label={label} disabled={disabled} />
    </>
  );
}
