import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { tf } from '~/strings/flags';
import css from './flags.module.css';
import { parsePercent, percentText, step, whole } from './share';

/** A share as a slider and as a number, in steps of 0.1 %. */
export function ShareSlider({
  value,
  onChange,
  label,
  disabled,
}: {
  value: number;
  onChange: (value: number) => void;
  label: string;
  disabled?: boolean;
}) {
  return (
    <div className={css.share}>
      <input
        type="range"
        className={css.range}
        min={0}
        max={whole}
        step={step}
        value={value}
        disabled={disabled}
        aria-label={label}
        aria-valuetext={percentText(value)}
        style={{ '--filled': `${value / 1000}%` } as React.CSSProperties}
        onChange={(event) => onChange(Number(event.currentTarget.value))}
      />
      <ShareInput value={value} onChange={onChange} label={label} disabled={disabled} />
    </div>
  );
}

/** The number beside the slider; takes what is typed when the field is left or Enter is pressed. */
function ShareInput({
  value,
  onChange,
  label,
  disabled,
}: {
  value: number;
  onChange: (value: number) => void;
  label: string;
  disabled?: boolean;
}) {
  const [typed, setTyped] = useState<string>();
  const wrong = typed !== undefined && parsePercent(typed) === undefined;
  const take = () => {
    const next = typed === undefined ? undefined : parsePercent(typed);
    if (next !== undefined) onChange(next);
    if (!wrong) setTyped(undefined);
  };
  return (
    <TextInput
      size="xs"
      w={92}
      inputMode="decimal"
      aria-label={tf.editor.percentOf(label)}
      rightSection={<span aria-hidden>%</span>}
      value={typed ?? String(value / 1000)}
      disabled={disabled}
      error={wrong ? tf.editor.percentWrong : undefined}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={(event) => {
        if (event.key === 'Enter') {
          event.preventDefault();
          take();
        }
        if (event.key === 'Escape') setTyped(undefined);
      }}
    />
  );
}
