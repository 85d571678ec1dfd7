import { Group, Text, Title } from '@mantine/core';
import { useId, type ReactNode } from 'react';

/** A card with a heading. */
export function Section({
  title,
  description,
  action,
  flush,
  children,
}: {
  title: string;
  description?: ReactNode;
  action?: ReactNode;
  /** The content reaches the card's edges, e.g. a list of rows. */
  flush?: boolean;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section className="sph-card" aria-labelledby={id}>
      <Group
        justify="space-between"
        px="md"
        py={10}
        gap="xs"
        style={{ borderBottom: '1px solid var(--sph-border)', minHeight: 48 }}
      >
        <div style={{ minWidth: 0 }}>
          <Title order={2} size="h3" id={id}>
            {title}
          </Title>
          {description && (
            <Text size="xs" className="sph-muted">
              {description}
            </Text>
          )}
        </div>
        {action}
      </Group>
      <div className={flush ? 'sph-divided' : undefined} style={flush ? undefined : { padding: '10px 16px' }}>
        {children}
      </div>
    </section>
  );
}
