// Named steps with their times. The first failure ends the whole test.
import { performance } from 'node:perf_hooks';

export class Steps {
  measured = [];
  count = 0;

  async step(title, work) {
    const begin = performance.now();
    this.current = title;
    const said = await work();
    this.count++;
    const took = `${((performance.now() - begin) / 1000).toFixed(2)} s`;
    console.log(`  ok ${took.padStart(8)}  ${title}${said ? `: ${said}` : ''}`);
  }

  /** Keeps a figure for the summary. */
  measure(name, value) {
    this.measured.push(`${name} ${value}`);
  }
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(got, want, what) {
  check(got === want, `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}
