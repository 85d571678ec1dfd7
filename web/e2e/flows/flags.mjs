// Feature flags as people use them: one is made, opened for 10 % of accounts,
// asked for by a service over OFREP with a key, seen in the chart, raised,
// planned, explained, closed, and cleaned up.
import { setTimeout as wait } from 'node:timers/promises';
import { Person, picture } from '../lib/browser.mjs';
import { check, equal } from '../lib/steps.mjs';
import { choose } from '../lib/wizard.mjs';

const key = 'instant-refund';
const service = 'CartService';
const production = 'production-eu-west-1';
const accounts = Array.from({ length: 1000 }, (_, i) => `account-${i + 1}`);

export async function flow(t) {
  const { steps } = t;
  const maya = await Person.signIn(t, 'maya');
  const state = { origin: t.portal.origin };
  await make(t, maya, state);
  await rollOut(t, maya, state);
  await look(t, maya, state);
  await plan(t, maya, state);
  await close(t, maya, state);
  t.flag = { project: state.project, key };
  await steps.step('the browser had nothing to complain about', () => maya.calm());
}

async function make({ steps }, { page }, state) {
  await steps.step('make a flag of a service', async () => {
    await page.goto('/flags');
    await page.getByRole('link', { name: 'New flag' }).first().click();
    await choose(page, 'Service', 'Another service');
    await choose(page, 'Component', service);
    await page.getByLabel('Key').fill(key);
    await page.getByLabel('Name', { exact: true }).fill('Refund without a support ticket');
    await picture(page, 'flag-new');
    await page.getByRole('button', { name: 'Create the flag' }).click();
    await page.getByRole('heading', { name: key, level: 1 }).waitFor();
    state.project = new URL(page.url()).pathname.split('/')[2];
  });
  await steps.step('make a key for the service; it is shown once', async () => {
    await page.goto(`/flags/keys?project=${encodeURIComponent(state.project)}`);
    await page.getByRole('button', { name: 'New key' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('cart-in-production');
    await dialog.getByRole('combobox', { name: 'Environment' }).click();
    await page.getByRole('option', { name: production }).click();
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    const secret = dialog.locator('code').filter({ hasText: /^spf_/ });
    state.secret = (await secret.textContent()).trim();
    check(/^spf_[0-9A-Za-z]{30,}$/.test(state.secret), 'the form of the key');
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await page.reload();
    await page.getByRole('cell', { name: 'cart-in-production' }).first().waitFor();
    const text = await page.locator('main').textContent();
    check(!text.includes(state.secret), 'the key is shown again');
  });
}

/** What a service gets for one account. */
async function ask({ origin, secret }, accountId) {
  const response = await fetch(`${origin}/flags/${production}/ofrep/v1/evaluate/flags/${key}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${secret}` },
    body: JSON.stringify({ context: { targetingKey: `user-of-${accountId}`, accountId } }),
  });
  equal(response.status, 200, 'status of an evaluation');
  return (await response.json()).value === true;
}

async function askAll(state) {
  const on = new Set();
  for (let at = 0; at < accounts.length; at += 50) {
    const part = accounts.slice(at, at + 50);
    const answers = await Promise.all(part.map((account) => ask(state, account)));
    part.forEach((account, i) => answers[i] && on.add(account));
  }
  return on;
}

/** Asks until the change has reached the flag server. */
async function until(state, account, value) {
  const begin = performance.now();
  while ((await ask(state, account)) !== value) {
    check(performance.now() - begin < 5000, `${account} does not get ${value} within 5 s`);
    await wait(20);
  }
  return performance.now() - begin;
}

const share = (page, where = 'Everybody else') =>
  page.getByRole('textbox', { name: `Share of on, ${where}, in percent` });

async function save(page, reason) {
  await page.getByRole('button', { name: 'Review the change' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('What changes').waitFor();
  await dialog.getByRole('textbox', { name: /Reason/ }).fill(reason);
  return dialog;
}

async function rollOut({ steps }, { page }, state) {
  await steps.step('open it for 10 % of accounts in production, with a reason', async () => {
    await page.goto(`/flags/${state.project}/${key}?env=${production}`);
    await page.getByRole('radiogroup', { name: /Everybody else/ }).getByText('A share').click();
    await share(page).fill('10');
    await share(page).press('Enter');
    await page.getByText('Without the account, one gets off.').waitFor();
    await picture(page, 'flag');
    const dialog = await save(page, 'First customers');
    await picture(page, 'flag-review');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByRole('switch', { name: `${key} on in ${production}` }).press('Space');
    const turn = page.getByRole('dialog');
    await turn.getByRole('textbox', { name: /Reason/ }).fill('First customers');
    await turn.getByRole('button', { name: 'Turn on' }).click();
    await page.getByText(`${key} is on in ${production}`).waitFor();
  });
  await steps.step('a service gets it for about 10 % of accounts', async () => {
    await wait(200);
    state.first = await askAll(state);
    const n = state.first.size;
    check(n >= 70 && n <= 130, `${n} of 1,000 accounts`);
    return `${n} of 1,000 accounts`;
  });
}

async function look({ steps }, { page }, state) {
  await steps.step('the chart shows who asked and what they got', async () => {
    await page.goto(`/flags/${state.project}/${key}?env=${production}&tab=usage`);
    await page.getByRole('img', { name: /Evaluations of/ }).waitFor({ timeout: 90_000 });
    await page.getByRole('cell', { name: 'cart-in-production' }).first().waitFor();
    await picture(page, 'flag-usage');
  });
  await steps.step('raise it: who has it keeps it', async () => {
    await page.goto(`/flags/${state.project}/${key}?env=${production}`);
    await share(page).fill('25');
    await share(page).press('Enter');
    const dialog = await save(page, 'No errors');
    await dialog.getByText('the share of on goes from 10 % to 25 % by accountId').waitFor();
    await dialog.getByText(/Of 480 known accounts/).first().waitFor();
    await picture(page, 'flag-raise');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await wait(500);
    const now = await askAll(state);
    check(now.size >= 200 && now.size <= 300, `${now.size} of 1,000 accounts`);
    for (const account of state.first) check(now.has(account), `${account} lost it`);
    state.has = [...state.first][0];
    return `${now.size} of 1,000 accounts`;
  });
  await steps.step('it explains why an account gets what it gets', async () => {
    await page.goto(`/flags/${state.project}/${key}?env=${production}&tab=tester`);
    await page.getByRole('textbox', { name: 'Value 2' }).fill(state.has);
    await page.getByRole('button', { name: 'Evaluate' }).click();
    await page.getByText('Gets on').waitFor();
    await page.getByText('The way through the rules').waitFor();
    await picture(page, 'flag-tester');
  });
}

async function plan({ steps }, { page }, state) {
  await steps.step('plan when it opens for everybody', async () => {
    await page.goto(`/flags/${state.project}/${key}?env=${production}&tab=schedule`);
    await page.getByRole('button', { name: 'Add a step' }).click();
    await page.getByRole('textbox', { name: 'Note of step 1' }).fill('Quiet hours');
    const dialog = await save(page, 'Closed over the holidays');
    await dialog.getByRole('button', { name: /^(Save|Ask for approval)$/ }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.goto('/flags/schedule');
    await page.getByRole('link', { name: key }).waitFor();
    await page.getByText('Quiet hours').waitFor();
    await picture(page, 'flag-schedule');
  });
}

async function close({ steps }, { page }, state) {
  await steps.step('close it in the list: the service stops within two seconds', async () => {
    await page.goto(`/flags?project=${encodeURIComponent(state.project)}`);
    await page.getByRole('switch', { name: `${key} on in ${production}` }).press('Space');
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: /Reason/ }).fill('Done for today');
    await dialog.getByRole('button', { name: 'Turn off' }).click();
    await page.getByText(`${key} is off in ${production}`).waitFor();
    const millis = await until(state, state.has, false);
    check(millis < 2000, `it took ${millis} ms`);
    await picture(page, 'flags');
  });
  await steps.step('the history has every change with its reason', async () => {
    await page.goto(`/flags/${state.project}/${key}?env=${production}&tab=history`);
    for (const reason of ['First customers', 'No errors', 'Done for today']) {
      await page.getByText(reason).first().waitFor();
    }
    await picture(page, 'flag-history');
  });
  await steps.step('take the closing back with one click: it is open as before', async () => {
    const last = page.getByRole('article').filter({ hasText: 'Done for today' });
    await last.getByRole('button', { name: /^Take back/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: /Reason/ }).fill('Was not the cause');
    await dialog.getByRole('button', { name: 'Take back' }).click();
    await page.getByText('Was not the cause').first().waitFor();
    await until(state, state.has, true);
  });
  await steps.step('save the narrowed list as a view and open it again', async () => {
    await page.goto(`/flags?project=${encodeURIComponent(state.project)}&state=partial`);
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: /^Save/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').first().fill('Half open');
    await dialog.getByRole('button', { name: /^Save/ }).click();
    await page.getByRole('button', { name: 'Half open' }).waitFor();
    await page.goto('/flags');
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Half open' }).click();
    await page.getByRole('link', { name: key }).waitFor();
    check(new URL(page.url()).searchParams.get('state') === 'partial', 'the view has its filter');
  });
  await steps.step('archive it: it is no longer served', async () => {
    await page.goto(`/flags/${state.project}/${key}`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Archive' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: /Reason/ }).fill('Everybody has it');
    await dialog.getByRole('button', { name: 'Archive' }).click();
    await page.getByText('This flag is archived').waitFor();
    const response = await fetch(`${state.origin}/flags/${production}/ofrep/v1/evaluate/flags/${key}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${state.secret}` },
      body: JSON.stringify({ context: { targetingKey: 'u' } }),
    });
    equal(response.status, 404, 'an archived flag');
  });
}
