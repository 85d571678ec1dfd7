// The browser test: the built portal, real git, real Chromium. Each flow in
// flows/ goes through what a person does; the first failure ends the test and
// leaves a picture and a trace in web/test-results.
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { launch } from './lib/browser.mjs';
import { Portal } from './lib/portal.mjs';
import { Steps } from './lib/steps.mjs';

const flows = ['developer', 'catalog', 'flags', 'flagpage', 'pages', 'inout', 'approvals', 'crash', 'undo', 'cli', 'access', 'signin', 'hostile'];
const results = join(import.meta.dirname, '../test-results');
const binary = process.env.SPHERA_BIN || join(import.meta.dirname, '../../bin/sphera');

async function report(error, t) {
  console.error(`\nFAILED at: ${t.steps.current}\n${error.stack ?? error}`);
  await mkdir(results, { recursive: true });
  const said = [String(error.stack ?? error)];
  for (const [name, person] of Object.entries(t.persons)) {
    for (const [i, page] of person.context.pages().entries()) {
      const path = join(results, `${name}-${i}.png`);
      await page.screenshot({ path, fullPage: true }).catch(() => {});
      said.push(`${name} is at ${page.url()}, see ${path}`);
    }
    said.push(...person.problems);
  }
  said.push('--- what the portal said ---', t.portal.output);
  await writeFile(join(results, 'failure.txt'), said.join('\n'));
  console.error(said.slice(1, 20).join('\n'), `\nMore in ${results}`);
}

async function main() {
  await access(binary);
  const chosen = process.argv.slice(2).length > 0 ? process.argv.slice(2) : flows;
  const begin = performance.now();
  const portal = await Portal.start(binary);
  const browser = await launch();
  // Flows share the people that are signed in and the services that were made.
  const t = { portal, browser, steps: new Steps(), persons: {}, services: {}, binary };
  try {
    for (const name of chosen) {
      console.log(`\n${name}`);
      const { flow } = await import(`./flows/${name}.mjs`);
      await flow(t);
    }
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    console.log(`\n${t.steps.count} steps passed in ${seconds} s`);
    for (const line of t.steps.measured) console.log(`  ${line}`);
  } catch (error) {
    process.exitCode = 1;
    await report(error, t);
  } finally {
    await browser.close();
    await portal.close();
  }
}

await main();
