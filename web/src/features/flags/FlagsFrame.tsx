import { Link, type LinkProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { tf } from '~/strings/flags';
import { PageHeader } from '~/ui/PageHeader';
import css from './flags.module.css';

const pages: { to: LinkProps['to']; label: string }[] = [
  { to: '/flags', label: tf.list.all },
  { to: '/flags/segments', label: tf.list.segments },
  { to: '/flags/schedule', label: tf.list.schedule },
  { to: '/flags/stale', label: tf.list.stale },
  { to: '/flags/unknown', label: tf.list.unknown },
  { to: '/flags/keys', label: tf.list.keys },
];

/** The head of the pages about flags, with the way to the others. */
export function FlagsFrame({
  title,
  description,
  actions,
  wide,
  children,
}: {
  title: string;
  description: string;
  actions?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}) {
  return (
    <div className={`sph-page ${wide ? 'wide' : ''}`}>
      <PageHeader title={title} description={description} actions={actions} />
      <nav className={css.pages} aria-label={tf.list.pages}>
        {pages.map((page) => (
          <Link
            key={page.to}
            to={page.to}
            className={css.page}
            activeOptions={{ exact: true, includeSearch: false }}
            activeProps={{ 'aria-current': 'page' }}
          >
            {page.label}
          </Link>
        ))}
      </nav>
      {children}
    </div>
  );
}
