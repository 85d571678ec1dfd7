import { Title } from '@mantine/core';
import type { ReactNode } from 'react';
import css from './plan.module.css';

/** A part of the plan that can be folded. */
export function Group({
  title,
  aside,
  open = true,
  children,
}: {
  title: string;
  aside?: ReactNode;
  open?: boolean;
  children: ReactNode;
}) {
  return (
    <details className={`sph-card ${css.group}`} open={open}>
      <summary>
        <Title order={2} size="h3" style={{ overflowWrap: 'anywhere' }}>
          {title}
        </Title>
        {aside}
      </summary>
      {children}
    </details>
  );
}
