import { lazy, Suspense, useMemo } from 'react';
import { Skeletons } from '~/ui/States';
import type { Place } from './paths';

const Markdown = lazy(() => import('./Markdown'));

/** Markdown whose code is loaded when there is some. */
export function LazyMarkdown({
  text,
  repo,
  gitRef,
  folder,
}: {
  text: string;
  repo?: string;
  gitRef?: string;
  folder?: string;
}) {
  const place = useMemo(
    (): Place | undefined => (repo && gitRef ? { repo, ref: gitRef, folder: folder ?? '' } : undefined),
    [repo, gitRef, folder],
  );
  return (
    <Suspense fallback={<Skeletons rows={3} />}>
      <Markdown text={text} place={place} />
    </Suspense>
  );
}
