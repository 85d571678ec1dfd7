// Flags where they are read. A web page of another origin, with OpenFeature's
// own SDK and provider, changes when a flag is flipped in the portal, without a
// reload. And a service that was just made reads its flags with the key it
// found in its environment.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { picture } from '../lib/browser.mjs';
import { check, equal } from '../lib/steps.mjs';
import { showPlan, start } from '../lib/wizard.mjs';

const modules = join(import.meta.dirname, '../../node_modules');
const imports = {
  '@openfeature/core': '/m/@openfeature/core/dist/esm/index.js',
  '@openfeature/web-sdk': '/m/@openfeature/web-sdk/dist/esm/index.js',
  '@openfeature/ofrep-core': '/m/@openfeature/ofrep-web-provider/node_modules/@openfeature/ofrep-core/index.esm.js',
  '@openfeature/ofrep-web-provider': '/m/@openfeature/ofrep-web-provider/index.esm.js',
};
const service = 'flag-reader';

const html = (settings) => `<!doctype html><title>A shop</title>
<script type="importmap">${JSON.stringify({ imports })}</script>
<p id="banner">?</p>
<script type="module">
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
const { base, key, flag } = ${JSON.stringify(settings)};
const show = () => { document.getElementById('banner').textContent = OpenFeature.getClient().getStringValue(flag, 'default'); };
OpenFeature.addHandler(ProviderEvents.ConfigurationChanged, show);
await OpenFeature.setContext({ targetingKey: 'visitor-1' });
await OpenFeature.setProviderAndWait(new OFREPWebProvider({ baseUrl: base, headers: [['Authorization', 'Bearer ' + key]] }));
show();
</script>`;

/** A shop: a page and the packages it imports, on an origin of its own. */
function shop(state) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://shop');
    if (pathname === '/') return response.setHeader('Content-Type', 'text/html').end(html(state.settings));
    const path = normalize(join(modules, pathname.replace(/^\/m\//, '')));
    try {
      check(pathname.startsWith('/m/') && path.startsWith(modules), 'no file of a package');
      response.setHeader('Content-Type', 'text/javascript').end(await readFile(path));
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }));
  });
}

export async function flow(t) {
  const state = {};
  const context = await t.browser.newContext({ baseURL: t.portal.origin });
  const api = async (method, path, data) => {
    const answer = await context.request.fetch(path, { method, data });
    const body = await answer.json();
    check(answer.ok(), `${method} ${path}: ${answer.status()} ${JSON.stringify(body)}`);
    return body;
  };
  const page = await shop(state);
  try {
    const { maya } = t.portal.people;
    await api('POST', '/v1/auth/login', { email: maya.email, password: maya.password });
    await inPage(t, context, api, page, state);
    await inService(t, context, api);
  } finally {
    page.close();
    await context.close();
  }
}

async function inPage({ steps, portal }, context, api, shopPage, state) {
  const flag = 'banner-text';
  const environments = (await api('POST', '/v1/blueprints/Environment/entities/search', {})).entities;
  const dev = environments.find((e) => e.properties.kind === 'dev').identifier;
  state.dev = dev;
  let browser;
  const edit = (body) => api('PUT', `/v1/flag-projects/shop/flags/${flag}/environments/${dev}`, body);
  const version = async () => {
    const { flag: now } = await api('GET', `/v1/flag-projects/shop/flags/${flag}`);
    return now.environments.find((e) => e.environment === dev).version;
  };
  await steps.step('a page of another origin shows a flag', async () => {
    await api('POST', '/v1/flag-projects', { key: 'shop', service: 'CartService' });
    await api('POST', '/v1/flag-projects/shop/flags', {
      key: flag,
      type: 'string',
      kind: 'release',
      clientVisible: true,
      variations: [
        { name: 'old', value: 'Welcome' },
        { name: 'new', value: 'Summer sale' },
      ],
      environments: { [dev]: { on: false, off: 'old', default: 'new' } },
    });
    const made = await api('POST', '/v1/flag-projects/shop/keys', { kind: 'client', name: 'shop', environment: dev, origins: [shopPage.origin] });
    state.settings = { base: `${portal.origin}/flags/${dev}`, key: made.secret, flag };
    browser = await context.newPage();
    browser.on('pageerror', (error) => console.error(error));
    await wait(300); // the key reaches the flag server by a note
    await browser.goto(shopPage.origin);
    await browser.getByText('Welcome').waitFor();
  });
  await steps.step('the page changes when the flag is flipped, without a reload', async () => {
    await browser.evaluate(() => {
      window.stays = true;
    });
    await wait(500); // until the event stream is open
    const begin = performance.now();
    await edit({ version: await version(), on: true, reason: 'sale begins' });
    await browser.getByText('Summer sale').waitFor();
    const took = `${Math.round(performance.now() - begin)} ms`;
    check(await browser.evaluate(() => window.stays), 'the page was loaded again');
    await edit({ version: await version(), on: false, reason: 'sale ends' });
    await browser.getByText('Welcome').waitFor();
    return took;
  });
}

async function inService({ steps, persons }, context, api) {
  const visit = async (at) => (await context.request.get(at)).text();
  let environment;
  await steps.step('a new service reads its flags with its own key', async () => {
    const input = { name: service, team: 'checkout', system: 'Cart', template: 'node-http', description: 'Reads a flag' };
    const { plan } = await api('POST', '/v1/actions/create_service/plans', { input });
    const { run } = await api('POST', '/v1/actions/create_service/runs', { planId: plan.id });
    for (let state = ''; state !== 'succeeded'; await wait(300)) {
      ({ state } = (await api('GET', `/v1/runs/${run.id}`)).run);
      check(state !== 'failed' && state !== 'canceled', `the service was not made: ${state}`);
    }
    environment = (await api('GET', `/v1/services/${service}/deployments`)).deployments?.[0]?.environment;
    const at = `/run/${environment}/${service}/`;
    const before = await visit(at);
    check(before.includes('Hello'), `without a flag the default counts: ${before.slice(0, 200)}`);
    await api('POST', `/v1/flag-projects/${service}/flags`, {
      key: `${service}.greeting`,
      type: 'string',
      kind: 'operational',
      variations: [
        { name: 'plain', value: 'Hello' },
        { name: 'warm', value: 'Moin' },
      ],
      environments: { [environment]: { on: true, off: 'plain', default: 'warm' } },
    });
    let after = '';
    for (let i = 0; i < 60 && !after.includes('Moin'); i++) {
      await wait(200);
      after = await visit(at);
    }
    check(after.includes('Moin'), `the service does not read its flag: ${after.slice(0, 200)}`);
  });
  equal(typeof environment, 'string', 'where the service runs');
  await steps.step('clean up: the action opens a pull request that takes the flag out of the code', async () => {
    const page = await context.newPage();
    await page.goto(`/flags/${service}/${service}.greeting`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Take it out of the code' }).click();
    await showPlan(page);
    await page.getByText('src/app.js').first().waitFor();
    await picture(page, 'flag-clean-up');
    await start(page, 'Clean up a flag');
    await page.getByText('Succeeded').first().waitFor();
    const { pullRequests } = await api('GET', `/v1/repositories/${service}/pull-requests?state=open`);
    const mine = pullRequests.find(({ title }) => title.includes(`${service}.greeting`));
    const diff = await (await context.request.get(`/v1/repositories/${service}/pull-requests/${mine.number}/diff`)).text();
    check(diff.includes('Moin') && diff.includes('flags.text('), `the pull request does not take it out: ${diff}`);
    await page.goto(`/forge/${service}/pulls/${mine.number}`);
    await page.getByRole('heading', { name: new RegExp(`${service}.greeting`) }).first().waitFor();
    await page.close();
    // Maya's other page is told that the run has ended.
    const { maya } = persons;
    if (maya) await maya.page.getByRole('link', { name: 'Open the run' }).last().waitFor();
    maya?.calm();
  });
}
