import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from '@mantine/core';
import { Link, type LinkProps } from '@tanstack/react-router';
import { useEffect, type ReactNode } from 'react';
import { t } from '~/strings';

export type Crumb = { label: string; link?: LinkProps };

/** Sets the title of the browser tab while the page is shown. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${t.common.appName}` : t.common.appName;
  }, [title]);
}

/** The head of a page: where one is, what it is, what can be done. */
export function PageHeader({
  title,
  documentTitle,
  description,
  crumbs = [],
  status,
  actions,
}: {
  title: string;
  /** For the browser tab, when it differs from the title. */
  documentTitle?: string;
  description?: ReactNode;
  crumbs?: Crumb[];
  /** Pills beside the title. */
  status?: ReactNode;
  actions?: ReactNode;
}) {
  usePageTitle(documentTitle ?? title);
  return (
    <Stack gap={6} component="header">
      {crumbs.length > 0 && (
        <nav aria-label="Breadcrumb">
          <Breadcrumbs separatorMargin={6} styles={{ root: { flexWrap: 'wrap' } }}>
            {crumbs.map((crumb) =>
              crumb.link ? (
                <Anchor key={crumb.label} component={Link} {...(crumb.link as object)} size="sm">
                  {crumb.label}
                </Anchor>
              ) : (
                <Text key={crumb.label} size="sm" aria-current="page">
                  {crumb.label}
                </Text>
              ),
            )}
          </Breadcrumbs>
        </nav>
      )}
      <div className="sph-page-head">
        <div className="sph-page-title">
          <Group gap="sm">
            <Title order={1} style={{ overflowWrap: 'anywhere' }}>
              {title}
            </Title>
            {status}
          </Group>
          {description && (
            <Text size="sm" className="sph-muted sph-prose" component="div" mt={4}>
              {description}
            </Text>
          )}
        </div>
        {actions && (
          <Group gap="xs" className="no-print">
            {actions}
          </Group>
        )}
      </div>
    </Stack>
  );
}
