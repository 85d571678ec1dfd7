// Dana makes two services, changes one of them over git, deploys the change
// and takes it back.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Person, picture } from '../lib/browser.mjs';
import { Git } from '../lib/git.mjs';
import { check, equal } from '../lib/steps.mjs';
import { answerCreate, answered, choose, showPlan, start } from '../lib/wizard.mjs';

const environment = 'dev-eu-west-1';
const services = [
  {
    name: 'price-check',
    system: 'Cart',
    template: 'Go HTTP service',
    description: 'Compares the price of a product in every shop.',
  },
  {
    name: 'gift-cards',
    system: 'Cart',
    template: 'Node.js HTTP service',
    description: 'Sells gift cards and takes them back.',
  },
];

export async function flow(t) {
  const { steps } = t;
  await steps.step('Dana signs in', async () => {
    await Person.signIn(t, 'dana');
  });
  const dana = t.persons.dana;
  for (const service of services) await create(t, dana, service);
  await look(t, dana, services[0].name);
  await change(t, dana, services[0].name);
  await deployAndRevert(t, dana, services[0].name);
  await steps.step('the browser had nothing to complain about', () => dana.calm());
}

async function create({ steps, services: made }, person, service) {
  const { page } = person;
  const first = service.template.startsWith('Go');
  await steps.step(`fill the form of ${service.name}`, async () => {
    await answerCreate(page, service);
    await page.getByText(`${service.name} is free`).waitFor();
    if (first) await picture(page, 'create-form');
  });
  await steps.step('the plan has files with diffs, pull requests by rule, held production', async () => {
    await showPlan(page);
    await page.getByText('Merged by rule').first().waitFor();
    await page.getByText('Entries of services made by the portal').first().waitFor();
    await page.getByText(`services/${service.name}.yaml`).first().waitFor();
    await page.getByText('Held', { exact: true }).first().waitFor();
    await page.getByRole('heading', { name: 'Cluster objects' }).waitFor();
    if (first) await picture(page, 'plan');
  });
  await steps.step(`create ${service.name} and see it answer`, async () => {
    const began = performance.now();
    const run = await start(page, 'Create a microservice');
    await page.getByRole('img', { name: 'Done' }).first().waitFor();
    if (first) await picture(page, 'run');
    const seconds = (await answered(page, began)).toFixed(2);
    made[service.name] = { run, template: service.template };
    const said = await page.getByText('from your click to the first answer').textContent();
    steps.measure(`${service.template}: click to the answer seen in the browser`, `${seconds} s`);
    steps.measure(`${service.template}:`, said);
    await picture(page, first ? 'result' : 'result-node');
    return `${seconds} s`;
  });
  await steps.step('its address shows its page', async () => {
    const address = await page.locator(`a[href*="/run/${environment}/${service.name}/"]`).first().getAttribute('href');
    made[service.name].address = address;
    const tab = await person.context.newPage();
    person.watch(tab);
    const response = await tab.goto(address);
    equal(response.status(), 200, 'status of the address');
    await tab.getByRole('heading', { name: service.name }).waitFor();
    if (first) await picture(tab, 'service');
    await tab.close();
  });
}

async function look({ steps, services: made }, { page }, name) {
  await steps.step('home shows it', async () => {
    await page.goto('/');
    await page.getByRole('link', { name }).first().waitFor();
    await picture(page, 'home');
  });
  await steps.step('the catalog lists it', async () => {
    await page.goto('/catalog/Component');
    await page.getByRole('link', { name }).first().waitFor();
    await picture(page, 'catalog');
  });
  await steps.step('its page has overview, graph, runs and deployments', async () => {
    await page.getByRole('link', { name }).first().click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.getByText('Owned by checkout').waitFor();
    await page.getByText('Recent activity').waitFor();
    await picture(page, 'entity');
    await page.getByRole('tab', { name: 'Graph' }).click();
    await page.locator('.react-flow__node').nth(3).waitFor();
    await picture(page, 'graph');
    await page.getByRole('tab', { name: 'Runs' }).click();
    await page.getByRole('link', { name: new RegExp(name) }).first().waitFor();
    await page.getByRole('tab', { name: 'Deployments' }).click();
    await page.getByRole('button', { name: 'Show log' }).first().click();
    await page.getByText(/"msg":"ready"/).first().waitFor();
    await picture(page, 'deployments');
  });
  await steps.step('every check of its contract is in order', async () => {
    await page.getByRole('tab', { name: 'Checks' }).click();
    const summary = await page.getByText(/\d+ of \d+ in order/).textContent();
    const [ok, all] = summary.match(/\d+/g);
    equal(ok, all, 'checks in order');
    await picture(page, 'checks');
    return summary;
  });
  await steps.step('the list of runs and the run with its log', async () => {
    await page.goto('/runs');
    await page.getByRole('link', { name: new RegExp(name) }).first().waitFor();
    await page.goto(`/runs/${made[name].run}`);
    await page.getByText('Succeeded').first().waitFor();
    await page.getByRole('heading', { name: 'Change set' }).waitFor();
    await page.getByText('Runs in dev', { exact: false }).first().waitFor();
    await picture(page, 'run-done');
  });
}

async function change(t, dana, name) {
  const { steps, portal } = t;
  const { page } = dana;
  const folder = join(portal.dir, 'work');
  const git = new Git(portal.dir, dana.who);
  await steps.step('clone, change and push a branch; main refuses and says what to do', async () => {
    const { repository } = await dana.api(`/v1/repositories/${name}`);
    await git.do('clone', '-q', repository.cloneUrl, folder);
    git.folder = folder;
    const file = join(folder, 'server.go');
    const text = await readFile(file, 'utf8');
    check(text.includes('{word}, it answers.'), 'the template says that it answers');
    await writeFile(file, text.replace('{word}, it answers.', '{word}, it answers louder.'));
    await git.do('commit', '-q', '-am', 'Answer louder');
    const advice = await git.refused('push', 'origin', 'HEAD:main');
    check(/pull request|branch/i.test(advice), `the refusal says what to do:\n${advice}`);
    await git.do('push', '-q', 'origin', 'HEAD:louder');
    return advice.match(/remote: +(\w.*)/)?.[1];
  });
  let address;
  await steps.step('open a pull request', async () => {
    await page.goto(`/forge/${name}`);
    await page.getByRole('link', { name: 'New pull request' }).click();
    await page.getByText('it answers louder').first().waitFor();
    await page.getByRole('button', { name: 'Open the pull request' }).click();
    await page.waitForURL(/\/pulls\/\d+/);
    await page.getByRole('heading', { name: 'Answer louder' }).waitFor();
    address = new URL(page.url()).pathname;
    await page.getByText(/Ready to merge|Cannot be merged yet/).waitFor();
  });
  const { pullRequest } = await dana.api(address.replace('/forge/', '/v1/repositories/').replace('/pulls/', '/pull-requests/'));
  if (!pullRequest.mergeable.ok) await review(t, address);
  await steps.step('merge it', async () => {
    await page.goto(address);
    await page.getByText('Ready to merge').waitFor();
    await picture(page, 'pull-request');
    await page.getByRole('button', { name: 'Squash and merge' }).click();
    await page.getByText('It is merged.').waitFor();
  });
}

async function review(t, address) {
  const { steps } = t;
  await steps.step('Noa of the same team reviews it', async () => {
    const { page } = await Person.signIn(t, 'noa');
    await page.goto('/pulls');
    await page.getByRole('link', { name: 'Answer louder' }).first().waitFor();
    await page.goto(address);
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.getByText('Noa Barak approved').waitFor();
    t.persons.noa.calm();
  });
}

async function act(page, name, label, verb) {
  await page.goto(`/e/Component/${name}`);
  await page.getByRole('link', { name: label, exact: true }).first().click();
  await page.getByRole('button', { name: 'Show the plan' }).waitFor();
  const field = page.getByRole('combobox', { name: 'Environment' });
  if ((await field.count()) > 0 && (await field.inputValue()) === '') await choose(page, 'Environment', environment);
  await showPlan(page);
  const began = performance.now();
  await start(page, verb);
  return answered(page, began);
}

async function deployAndRevert({ steps, services: made }, person, name) {
  const { page } = person;
  const text = async () => (await person.context.request.get(made[name].address)).text();
  await steps.step('deploy the change from the page of the service', async () => {
    const seconds = await act(page, name, 'Deploy', 'Deploy a version');
    check((await text()).includes('it answers louder'), 'the new text is at the address');
    steps.measure('deploy a change:', `${seconds.toFixed(2)} s`);
  });
  await steps.step('go back to the version before', async () => {
    const seconds = await act(page, name, 'Revert', 'Revert to a former version');
    const now = await text();
    check(now.includes('it answers.') && !now.includes('louder'), 'the old text is back at the address');
    steps.measure('revert:', `${seconds.toFixed(2)} s`);
  });
}
