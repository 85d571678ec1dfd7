import { fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { LogLine } from '~/api/types';
import { show } from '~/test/render';
import { LogView } from './LogView';
import { ansiParts, plainText } from './LogViewLine';
import { linkedLine, looksLikeError } from './LogViewSearch';

const line = (seq: number, text: string, step = 'build'): LogLine => ({
  seq,
  at: '2026-11-23T10:00:00Z',
  step,
  text,
});
const many = (n: number) =>
  Array.from({ length: n }, (_, i) => line(i + 1, i % 10 === 3 ? `needle ${i}` : `hay ${i}`));

beforeEach(() => {
  window.history.replaceState(null, '', '/');
  Element.prototype.scrollTo = vi.fn<() => void>() as typeof Element.prototype.scrollTo;
});

describe('LogView', () => {
  it('keeps only the lines in view in the page', () => {
    show(<LogView label="Log" lines={many(20_000)} live={false} />);
    expect(screen.getByText('20,000 lines')).toBeInTheDocument();
    expect(screen.getAllByRole('link').length).toBeLessThan(120);
  });

  it('counts matches and goes to the next with Enter', async () => {
    show(<LogView label="Log" lines={many(100)} live={false} />);
    const field = screen.getByLabelText('Find in the log');
    await userEvent.type(field, 'NEEDLE');
    expect(await screen.findByText('1 of 10')).toBeInTheDocument();
    await userEvent.keyboard('{Enter}{Enter}');
    expect(screen.getByText('3 of 10')).toBeInTheDocument();
    await userEvent.keyboard('{Shift>}{Enter}{/Shift}');
    expect(screen.getByText('2 of 10')).toBeInTheDocument();
    await userEvent.clear(field);
    await userEvent.type(field, 'nothing like it');
    expect(await screen.findByText('No match')).toBeInTheDocument();
  });

  it('stops to follow when the reader scrolls up', () => {
    show(<LogView label="Log" lines={many(100)} live />);
    const follow = screen.getByRole('switch', { name: 'Follow' });
    expect(follow).toBeChecked();
    fireEvent.wheel(screen.getByRole('log'), { deltaY: -30 });
    expect(follow).not.toBeChecked();
  });

  it('follows again when switched on, and has no switch when nothing more comes', () => {
    const { rerender } = show(<LogView label="Log" lines={many(10)} live />);
    expect(screen.getByRole('switch', { name: 'Follow' })).toBeInTheDocument();
    rerender(<></>);
    show(<LogView label="Log" lines={many(10)} live={false} />);
    expect(screen.queryByRole('switch', { name: 'Follow' })).toBeNull();
  });

  it('narrows to a step and asks for another', async () => {
    const onStep = vi.fn<(step: string | undefined) => void>();
    const lines = [line(1, 'made it', 'create'), line(2, 'built it', 'build')];
    const steps = [
      { name: 'create', title: 'Create' },
      { name: 'build', title: 'Build' },
    ];
    show(<LogView label="Log" lines={lines} live={false} steps={steps} step="build" onStep={onStep} />);
    expect(screen.getByText('built it')).toBeInTheDocument();
    expect(screen.queryByText('made it')).toBeNull();
    await userEvent.selectOptions(screen.getByLabelText('Step'), 'All steps');
    expect(onStep).toHaveBeenCalledWith(undefined);
  });

  it('marks the line of the address, also under a filter, by its own number', async () => {
    window.history.replaceState(null, '', '/#L42');
    const lines = [line(41, 'before'), line(42, 'this one'), line(43, 'after')];
    show(<LogView label="Log" lines={lines} live={false} />);
    await waitFor(() => expect(document.getElementById('L42')?.className).toMatch(/linked/));
    expect(screen.getByRole('link', { name: 'Link to line 42' })).toHaveAttribute('href', '#L42');
  });

  it('gives each line of an entry its own row, and one number', () => {
    const entry = line(7, 'Failed: the build\n# pkg\nmain.go:3: syntax error\n');
    show(<LogView label="Log" lines={[entry, line(8, 'after')]} live={false} />);
    expect(screen.getByText('main.go:3: syntax error')).toBeInTheDocument();
    expect(screen.getByText('4 lines')).toBeInTheDocument();
    expect(screen.getAllByRole('link', { name: 'Link to line 7' })).toHaveLength(1);
  });

  it('shows times when asked', async () => {
    show(<LogView label="Log" lines={[line(1, 'x')]} live={false} />);
    expect(document.querySelector('time')).toBeNull();
    await userEvent.click(screen.getByRole('switch', { name: 'Times' }));
    expect(document.querySelector('time')).toHaveAttribute('datetime', '2026-11-23T10:00:00Z');
  });
});

describe('escape sequences', () => {
  it('become colours, never text or control', () => {
    expect(ansiParts('\u001b[31mred\u001b[0m plain').map((p) => [p.text, Boolean(p.color)])).toEqual([
      ['red', true],
      [' plain', false],
    ]);
    expect(
      ansiParts('\u001b[2J\u001b]0;title\u0007x')
        .map((p) => p.text)
        .join(''),
    ).toBe('x');
    expect(plainText('\u001b[1;32mok\u001b[0m')).toBe('ok');
  });
});

describe('lines', () => {
  it.each([
    ['main.go:3: error: undefined', true],
    ['panic: nil map', true],
    ['0 errors, 0 failed', false],
    ['no errors found', false],
    ['the terrors of the deep', false],
  ])('%s looks like an error: %s', (text, expected) => {
    expect(looksLikeError(line(1, text))).toBe(expected);
  });

  it.each([
    ['#L12', 12],
    ['#L', undefined],
    ['#x', undefined],
    ['', undefined],
  ])('%s is line %s', (hash, expected) => {
    expect(linkedLine(hash)).toBe(expected);
  });
});
