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

/** Asks again until the answer is true; for what no event tells of. */
export async function until(what, ask, millis = 20_000) {
  const end = performance.now() + millis;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    check(performance.now() < end, `not so after ${millis} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
