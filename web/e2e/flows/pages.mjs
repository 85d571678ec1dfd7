// Every page: accessible in both colour schemes, no sideways scrolling on a
// phone, no complaint of the browser; then the keyboard and the import.
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Person, picture } from '../lib/browser.mjs';
import { check } from '../lib/steps.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const model = join(import.meta.dirname, '../../../demo/model');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export async function flow(t) {
  const { steps, services } = t;
  // An administrator sees every page.
  const maya = await Person.signIn(t, 'maya');
  const { page } = maya;
  const [name] = Object.keys(services);
  // All pages are looked at before the first problem ends the test.
  const problems = [];
  for (const path of paths(name, services, t.flag)) {
    await steps.step(path, async () => {
      await open(page, path);
      const found = [];
      for (const scheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme: scheme });
        await settle(page);
        found.push(...(await violations(page, scheme)));
      }
      if (path === '/') await picture(page, 'home-dark');
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 390, height: 844 });
      const wide = await sideways(page);
      if (path.startsWith('/e/') && path.endsWith('=overview')) await picture(page, 'entity-phone');
      await page.setViewportSize({ width: 1440, height: 900 });
      if (wide) found.push(`scrolls sideways at 390 px: ${wide}`);
      found.push(...maya.problems);
      maya.forget();
      problems.push(...found.map((problem) => `${path}: ${problem}`));
      return found.join('\n              ');
    });
  }
  check(problems.length === 0, problems.join('\n'));
  await importing(t, maya);
  if (name) await keyboard(t, maya, name);
  maya.calm();
}

function paths(name, services, flag) {
  const all = ['/', '/create', '/create/create_service', '/catalog', '/catalog/Component', '/runs', '/forge'];
  all.push('/pulls', '/import',
  '/blueprints',
  '/blueprints/new',
  '/blueprints/Component',
  '/blueprints/Component?tab=derived',
  '/blueprints/Component?tab=scorecards',
  '/blueprints/Component?tab=json',
  '/blueprints/Component?tab=playground',
  '/sources', '/sources?tab=webhooks', '/sources?tab=integrations', '/sources?tab=changes', '/sources?tab=actions', '/sources?tab=pages', '/audit', '/insights', '/docs/api', '/account', '/deleted', '/catalog/Component/new', '/catalog/Component?group=lifecycle');
  for (const part of ['', '/segments', '/schedule', '/stale', '/unknown', '/keys', '/new']) all.push(`/flags${part}`);
  if (flag) {
    for (const tab of ['rules', 'schedule', 'tester', 'usage', 'history', 'code', 'json', 'settings']) {
      all.push(`/flags/${flag.project}/${flag.key}?env=production-eu-west-1&tab=${tab}`);
    }
    all.push(`/flags/keys?project=${flag.project}`);
  }
  if (!name) return all;
  for (const tab of ['overview', 'graph', 'runs', 'deployments', 'flags', 'checks', 'repository', 'history', 'activity']) {
    all.push(`/e/Component/${name}?tab=${tab}`);
  }
  all.push(`/runs/${services[name].run}`, `/forge/${name}`, `/forge/${name}/pulls/1?tab=files`, '/forge/gitops');
  return all;
}

/** Opens a page and waits until it has its heading and all of its data. */
async function open(page, path) {
  await page.goto(path);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.waitForFunction(() => !document.querySelector('.mantine-Skeleton-root, [aria-busy=true]'));
}

/** Colours and sizes change in transitions; only what they end with counts. */
async function settle(page) {
  await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const moving = document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity);
    await Promise.allSettled(moving.map((a) => a.finished));
  });
}

/** What is wider than the page, once the page has taken its new width. */
async function sideways(page) {
  await settle(page);
  const fits = () => document.documentElement.scrollWidth <= window.innerWidth;
  const fit = await page.waitForFunction(fits, undefined, { timeout: 1500 }).catch(() => undefined);
  if (fit) return undefined;
  return page.evaluate(() => {
    const wide = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > window.innerWidth);
    return wide.slice(0, 6).map((e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`).join(' | ');
  });
}

async function violations(page, scheme) {
  await page.evaluate(axe);
  const found = await page.evaluate(async (values) => {
    const options = { runOnly: { type: 'tag', values }, resultTypes: ['violations'] };
    const { violations: all } = await globalThis.axe.run(document, options);
    return all.map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(' | ')}`);
  }, rules);
  return found.map((line) => `axe, ${scheme}: ${line}`);
}

async function importing({ steps }, { page }) {
  await steps.step('a dry run of the model says what it repairs, by file, line and column', async () => {
    await page.goto('/import');
    const files = [];
    for (const folder of ['blueprints', 'entities']) {
      for (const file of await readdir(join(model, folder))) files.push(join(model, folder, file));
    }
    await page.locator('input[type=file]').first().setInputFiles(files);
    const place = page.getByText(/(^|\/)resource\.json:\d+:\d+/).first();
    await place.waitFor();
    await page.getByText(/quot/i).first().waitFor();
    await picture(page, 'import');
    return place.textContent();
  });
}

async function keyboard({ steps }, { page }, name) {
  await steps.step('Ctrl-K finds the service, / goes to the filter', async () => {
    await page.goto('/');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.type(name);
    await page.getByRole('dialog').getByText('Component', { exact: true }).first().waitFor();
    await picture(page, 'palette');
    await page.keyboard.press('Enter');
    await page.waitForURL(new RegExp(`/e/Component/${name}`));
    await page.goto('/catalog/Component');
    await page.getByRole('link', { name }).first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('gift');
    await page.waitForURL(/q=gift/);
  });
}
