import { ActionIcon, CopyButton as MantineCopy, Text, Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { fullTime, relative } from '~/lib/format';
import { useNow } from '~/lib/useNow';
import { t } from '~/strings';
import { IconCheck, IconCopy } from './icons';

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'mute';

/** A status: always a word, the colour only helps. */
export function Pill({
  tone,
  dot,
  title,
  children,
}: {
  tone: Tone;
  dot?: boolean;
  title?: string;
  children: ReactNode;
}) {
  return (
    <span className={`pill ${tone}`} title={title}>
      {dot && <span className="dot" aria-hidden />}
      {children}
    </span>
  );
}

/** A time as distance from now; the full time is in its title. */
export function When({ at }: { at: string | undefined }) {
  const now = useNow();
  if (!at) return <span className="sph-muted">{t.common.never}</span>;
  return (
    <time dateTime={at} title={fullTime(at)} className="num">
      {relative(at, now)}
    </time>
  );
}

/** Copies a value; says so. */
export function CopyButton({
  value,
  label = t.common.copy,
  size = 'sm',
}: {
  value: string;
  label?: string;
  size?: string;
}) {
  return (
    <MantineCopy value={value}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? t.common.copied : label}>
          <ActionIcon
            size={size}
            variant="subtle"
            color="gray"
            onClick={copy}
            aria-label={copied ? t.common.copied : label}
          >
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        </Tooltip>
      )}
    </MantineCopy>
  );
}

/** One line of a list of facts. */
export function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div className="sph-fact">
      <Text component="dt" size="sm" className="sph-muted">
        {name}
      </Text>
      <Text component="dd" size="sm">
        {children}
      </Text>
    </div>
  );
}

/** A list of facts. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="sph-facts">{children}</dl>;
}
