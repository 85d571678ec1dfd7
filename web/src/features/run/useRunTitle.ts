import { useEffect } from 'react';
import type { Run } from '~/api/types';
import { donePercent } from './timing';

const marks: Record<Run['state'], string> = {
  pending: '○',
  running: '●',
  waiting: '◐',
  succeeded: '✓',
  failed: '✕',
  cancelled: '–',
  undone: '↩',
};

const colours: Record<Run['state'], string> = {
  pending: '#8b93a3',
  running: '#5b5bd6',
  waiting: '#d08700',
  succeeded: '#0b7a4b',
  failed: '#d93a2f',
  cancelled: '#8b93a3',
  undone: '#8b93a3',
};

/** The tab's title, which tells the state: "● Create checkout 46 %". */
export function runTitle(run: Run): string {
  const percent = run.state === 'running' ? ` ${donePercent(run)} %` : '';
  return `${marks[run.state]} ${run.title}${percent}`;
}

/** Makes the tab's icon tell the state of a run while it is shown. */
export function useRunIcon(state: Run['state'] | undefined): void {
  useEffect(() => {
    if (!state) return undefined;
    const link = document.querySelector<HTMLLinkElement>('link[rel~="icon"]');
    if (!link) return undefined;
    const { href, type } = link;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colours[state]}"/></svg>`;
    link.type = 'image/svg+xml';
    link.href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
    return () => {
      link.type = type;
      link.href = href;
    };
  }, [state]);
}
