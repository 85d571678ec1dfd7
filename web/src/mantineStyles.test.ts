import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const src = import.meta.dirname;
const styles = join(src, '../node_modules/@mantine/core/styles');

describe('mantineStyles', () => {
  it('has the styles of every component that is used', () => {
    const loaded = readFileSync(join(src, 'mantineStyles.ts'), 'utf8');
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.tsx?$/.test(name),
    );
    const used = new Set<string>();
    for (const file of files) {
      const text = readFileSync(join(src, file), 'utf8');
      for (const [, names = ''] of text.matchAll(/import \{([^}]*)\} from '@mantine\/core'/g)) {
        for (const name of names.split(',')) used.add(name.trim().split(' as ')[0]!);
      }
    }
    const missing = [...used].filter(
      (name) => existsSync(join(styles, `${name}.layer.css`)) && !loaded.includes(`/${name}.layer.css`),
    );
    expect(missing).toEqual([]);
  });
});
