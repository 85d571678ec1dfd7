import { describe, expect, it } from 'vitest';
import { parseDiff, splitRows, visible } from './DiffViewParse';

const small = ['@@ -1,3 +1,4 @@ func main()', ' one', '-two', '+2', '+3', ' four'].join('\n');

describe('parseDiff', () => {
  it('numbers the lines of both sides', () => {
    const [hunk] = parseDiff(small).hunks;
    expect(hunk?.heading).toBe('func main()');
    expect(hunk?.lines.map((l) => [l.kind, l.old, l.new])).toEqual([
      ['context', 1, 1],
      ['remove', 2, undefined],
      ['add', undefined, 2],
      ['add', undefined, 3],
      ['context', 3, 4],
    ]);
  });

  it('skips the headers that git writes before the hunks', () => {
    const patch = `diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n${small}\n`;
    expect(parseDiff(patch).hunks).toHaveLength(1);
    expect(parseDiff(patch).lineCount).toBe(5);
  });

  it('takes a removed line that looks like a header for a line', () => {
    const [hunk] = parseDiff('@@ -1,2 +1,1 @@\n--- a comment in SQL\n+++ x\n').hunks;
    expect(hunk?.lines.map((l) => [l.kind, l.text])).toEqual([
      ['remove', '-- a comment in SQL'],
      ['add', '++ x'],
    ]);
  });

  it('never drops a signed line because a heading lied about the count', () => {
    const { hunks, lineCount } = parseDiff('@@ -1,1 +1,1 @@\n one\n+evil()\n-gone()\n');
    expect(lineCount).toBe(3);
    expect(hunks[0]?.lines.map((l) => l.text)).toContain('evil()');
  });

  it('keeps the note about the missing newline and lines without their blank', () => {
    const [hunk] = parseDiff('@@ -1,2 +1,2 @@\n\n-a\n+b\n\\ No newline at end of file').hunks;
    expect(hunk?.lines.map((l) => l.kind)).toEqual(['context', 'remove', 'add', 'note']);
  });

  it.each([
    ['nothing', ''],
    ['no hunk', 'hello\nworld'],
    ['an absurd heading', '@@ -99999999999,1 +1 @@\n+x'],
    ['a heading alone', '@@ -1 +1 @@'],
    ['negative numbers', '@@ --1,-5 +-1,-5 @@\n+x'],
  ])('survives %s', (_, patch) => {
    expect(() => parseDiff(patch)).not.toThrow();
    expect(parseDiff(patch).lineCount).toBe(0);
  });

  it('stops at the limit and says how much it left out', () => {
    const patch = `@@ -0,0 +1,500 @@\n${'+x\n'.repeat(500)}`;
    const parsed = parseDiff(patch, 100);
    expect(parsed.lineCount).toBe(100);
    expect(parsed.omitted).toBe(400);
  });

  it('reads a huge patch in time', () => {
    const patch = `@@ -1,60000 +1,60000 @@\n${'-aaaa\n'.repeat(30_000)}${'+aaab\n'.repeat(30_000)}`;
    const start = performance.now();
    parseDiff(patch);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('marks what differs within a changed line', () => {
    const [hunk] = parseDiff('@@ -1 +1 @@\n-return "1.0.0"\n+return "1.1.0"').hunks;
    const [before, after] = hunk?.lines ?? [];
    expect(before?.text.slice(...(before.changed ?? []))).toBe('0');
    expect(after?.text.slice(...(after.changed ?? []))).toBe('1');
  });
});

describe('splitRows', () => {
  it('puts removed and added lines beside each other', () => {
    const rows = splitRows(parseDiff(small).hunks[0]?.lines ?? []);
    expect(rows.map((r) => [r.left?.text, r.right?.text])).toEqual([
      ['one', 'one'],
      ['two', '2'],
      [undefined, '3'],
      ['four', 'four'],
    ]);
  });
});

describe('visible', () => {
  it('shows characters that would reorder or hide code', () => {
    expect(visible('a\u202Eb')).toBe('a‹U+202E›b');
    expect(visible('zero\u200Bwidth')).toBe('zero‹U+200B›width');
    expect(visible('\u001b[2J')).toBe('‹U+001B›[2J');
  });

  it('keeps tabs and drops a carriage return at the end', () => {
    expect(visible('\tx\r')).toBe('\tx');
  });
});
