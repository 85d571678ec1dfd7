import type { ReactNode } from 'react';

export type Question = {
  title: string;
  text: ReactNode;
  /** What the button does, as a verb. */
  verb?: string;
  danger?: boolean;
  /** Without it the dialog only explains why it cannot be done. */
  onConfirm?: () => void;
};

let question: Question | undefined;
const listeners = new Set<() => void>();

function set(next: Question | undefined): void {
  question = next;
  for (const listener of listeners) listener();
}

/** Asks before something that disturbs others or cannot be taken back. */
export function confirm(next: Question): void {
  set(next);
}

/** What ConfirmDialog shows; the dialog's code is loaded when it is needed. */
export const pendingQuestion = {
  get: () => question,
  clear: () => set(undefined),
  subscribe: (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
