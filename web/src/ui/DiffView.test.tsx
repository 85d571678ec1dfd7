import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import { show } from '~/test/render';
import { DiffView, type DiffFile } from './DiffView';

const file = (path: string, more: Partial<DiffFile> = {}): DiffFile => ({
  path,
  verb: 'change',
  added: 1,
  removed: 1,
  patch: '@@ -1 +1 @@\n-old\n+new',
  ...more,
});

it('shows signs and numbers, not colour alone', () => {
  show(<DiffView files={[file('a.go')]} />);
  const diff = screen.getByRole('region', { name: 'Diff of a.go' });
  const rows = within(diff).getAllByRole('row').slice(1);
  expect(rows.map((row) => row.textContent)).toEqual(['1−old', '1+new']);
});

it('folds files that are large and says what cannot be shown', async () => {
  const files = [
    file('big.sum', { added: 5000 }),
    file('x.png', { binary: true, patch: '' }),
    file('y', { truncated: true, patch: '' }),
  ];
  show(<DiffView files={files} />);
  expect(screen.getByRole('button', { name: /big\.sum/ })).toHaveAttribute('aria-expanded', 'false');
  expect(screen.getByText(/Binary file/)).toBeInTheDocument();
  expect(screen.getByText(/too large/)).toBeInTheDocument();
  await userEvent.click(screen.getByRole('button', { name: /big\.sum/ }));
  expect(screen.getByRole('region', { name: 'Diff of big.sum' })).toBeInTheDocument();
});

it('moves between files with j and k and folds with Enter', async () => {
  const files = [file('a.go'), file('b.go')];
  show(<DiffView files={files} />);
  const [a, b] = [screen.getByRole('button', { name: 'a.go' }), screen.getByRole('button', { name: 'b.go' })];
  a.focus();
  await userEvent.keyboard('j');
  expect(b).toHaveFocus();
  await userEvent.keyboard('{Enter}');
  expect(b).toHaveAttribute('aria-expanded', 'false');
  await userEvent.keyboard('k');
  expect(a).toHaveFocus();
});

it('asks for the other layout', async () => {
  const onMode = vi.fn<(mode: string) => void>();
  show(<DiffView files={[file('a.go')]} mode="unified" onMode={onMode} />);
  await userEvent.click(screen.getByText('Side by side'));
  expect(onMode).toHaveBeenCalledWith('split');
});

it('shows text of a hostile repository as text', () => {
  show(
    <DiffView
      files={[file('<img src=x onerror=alert(1)>', { patch: '@@ -0,0 +1 @@\n+<script>alert(1)</script>' })]}
    />,
  );
  expect(document.querySelector('img, script')).toBeNull();
  expect(screen.getByText('<script>alert(1)</script>')).toBeInTheDocument();
});
