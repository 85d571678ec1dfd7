import type { ReactNode } from 'react';
import type { Tone } from './bits';

/** A message in a box, in the tones that pass contrast in both schemes. */
export function Note({
  tone,
  title,
  role,
  children,
}: {
  tone: Tone;
  title?: string;
  role?: 'status' | 'alert';
  children?: ReactNode;
}) {
  return (
    <div className={`sph-note ${tone}`} role={role}>
      {title && <div className="sph-note-title">{title}</div>}
      {children}
    </div>
  );
}
