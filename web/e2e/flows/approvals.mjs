// A run that needs two approvers: a rule made by an administrator, a plan that
// shows who decides, two browsers that decide, and the run that goes on.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Person, picture } from '../lib/browser.mjs';
import { check, equal } from '../lib/steps.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const action = {
  identifier: 'note_on_system',
  title: 'Note on a system',
  trigger: {
    type: 'self-service',
    operation: 'CREATE',
    userInputs: {
      properties: { title: { type: 'string', title: 'Title' } },
      required: ['title'],
      order: ['title'],
    },
  },
  invocationMethod: {
    type: 'UPSERT_ENTITY',
    blueprintIdentifier: 'Domain',
    mapping: { identifier: 'approved-domain', title: '{{ .inputs.title }}', team: ['platform'] },
  },
};

async function accessible(page, what) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.waitForTimeout(300);
    await page.evaluate(axe);
    const found = await page.evaluate(
      async (values) => (await globalThis.axe.run({ runOnly: { type: 'tag', values } })).violations,
      rules,
    );
    check(
      found.length === 0,
      `${what} (${scheme}): ${found.map((v) => `${v.id} ${v.nodes[0].html}`).join('\n')}`,
    );
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForFunction(() => document.getAnimations().length === 0);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  if (process.env.E2E_SHOTS)
    await page.screenshot({ path: `${process.env.E2E_SHOTS}/${what}-phone.png`, fullPage: true });
  check(!wide, `${what} scrolls sideways at 390 px`);
  await page.setViewportSize({ width: 1440, height: 900 });
  if (process.env.E2E_SHOTS)
    await page.screenshot({ path: `${process.env.E2E_SHOTS}/${what}.png`, fullPage: true });
}

/** Waits until the run is in a state; decisions are worked on in a moment. */
async function reach(person, run, state) {
  let last;
  for (let i = 0; i < 100; i++) {
    last = (await person.api(`/v1/runs/${run}`)).run;
    if (last.state === state) return last;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the run is ${last.state}, not ${state}: ${last.error}`);
}

export async function flow(t) {
  const { steps } = t;
  const maya = t.persons.maya ?? (await Person.signIn(t, 'maya')); // administrator
  const dana = t.persons.dana ?? (await Person.signIn(t, 'dana')); // developer
  const ido = t.persons.ido ?? (await Person.signIn(t, 'ido')); // infrastructure
  let run = '';
  await steps.step('an administrator makes an action and a rule: two have to approve', async () => {
    const made = await maya.context.request.post('/v1/actions', {
      data: action,
      headers: { Origin: maya.origin },
    });
    check(made.ok(), await made.text());
    const { page } = maya;
    await page.goto('/approvals/rules');
    await page.getByRole('button', { name: 'Add a rule' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').first().fill('Two look at systems');
    const actions = dialog
      .getByRole('textbox', { name: 'Actions' })
      .or(dialog.getByRole('combobox', { name: 'Actions' }))
      .first();
    await actions.fill('note_*');
    await actions.press('Enter');
    await dialog.getByLabel('How many').fill('2');
    await dialog.getByLabel('infrastructure').check();
    await dialog.getByLabel('administrator').check();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Two look at systems').waitFor();
    await accessible(page, 'rules');
  });
  await steps.step('a developer sees in the plan who has to approve, and starts it', async () => {
    const { page } = dana;
    await page.goto('/create/note_on_system');
    await page.getByLabel('Title', { exact: false }).first().fill('Approved by two');
    await page.getByRole('button', { name: 'Show the plan' }).click();
    await page.getByText('Two look at systems').first().waitFor();
    await picture(page, 'approval-plan');
    if (process.env.E2E_SHOTS)
      await page.screenshot({ path: `${process.env.E2E_SHOTS}/plan.png`, fullPage: true });
    await page.getByRole('button', { name: 'Note on a system', exact: true }).click();
    await page.waitForURL(/[?&]run=/);
    run = new URL(page.url()).searchParams.get('run').replaceAll('"', '');
    await page.goto(`/runs/${run}`);
    await page.getByText('A decision is needed').waitFor();
    await page.getByText('somebody else has to decide').waitFor();
    const denied = await dana.context.request.post(`/v1/runs/${run}/approval`, {
      data: { approve: true },
      headers: { Origin: dana.origin },
    });
    equal(denied.status(), 403, 'status of approving it oneself');
  });
  await steps.step(
    'those who can decide are told: the bell counts, the notice leads to the request',
    async () => {
      const { page } = ido;
      await page.getByRole('link', { name: '1 unread notice' }).click(); // it came while the page was open
      await page.getByText('Approve: Note on a system').waitFor();
      await page.getByText('How you are told').waitFor();
      await accessible(page, 'notices');
      await page.getByRole('link', { name: 'Open', exact: true }).click();
      await page.getByRole('heading', { name: 'Your decision' }).waitFor();
      await page.getByRole('link', { name: '0 unread notices' }).waitFor();
    },
  );
  await steps.step('the first approves in the inbox: it still waits', async () => {
    const { page } = ido;
    await page.goto('/approvals');
    await page.getByRole('link', { name: 'Note on a system' }).first().waitFor();
    await accessible(page, 'inbox');
    await page.getByRole('link', { name: 'Note on a system' }).first().click();
    await page.getByRole('heading', { name: 'What would happen' }).waitFor();
    await accessible(page, 'approval');
    await picture(page, 'approval');
    await page.getByLabel('Comment').fill('Looks right.');
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.getByText('ido', { exact: false }).first().waitFor();
    await page.getByText('1 of 2').first().waitFor();
    await reach(ido, run, 'waiting');
  });
  await steps.step('the second approves with a key: the run goes on and ends', async () => {
    const { page } = maya;
    await page.goto(`/approvals/${run}`);
    await page.getByText('Looks right.').waitFor();
    await page.getByRole('heading', { name: 'Your decision' }).waitFor();
    await page.keyboard.press('a');
    await reach(maya, run, 'succeeded');
    await page.getByText('Approved', { exact: true }).first().waitFor();
    const made = await dana.api('/v1/blueprints/Domain/entities/approved-domain');
    equal(made.entity?.title, 'Approved by two', 'title of what was made');
  });
  await steps.step('the requester finds it among the decided', async () => {
    const { page } = dana;
    await page.goto('/approvals?view=mine');
    await page.getByRole('link', { name: 'Note on a system' }).first().waitFor();
    await page.getByText('2 of 2').first().waitFor();
    await page.goto('/notices');
    await page.getByText('Approved: Note on a system').waitFor();
  });
  await steps.step('an administrator sets a channel up and sees the delivery log', async () => {
    const { page } = maya;
    await page.goto('/notices/channels');
    await page.getByRole('button', { name: 'Add a channel' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('Ops');
    await dialog.getByLabel('Address').fill('https://127.0.0.1:1/secret-part');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('127.0.0.1:1').waitFor();
    check(!(await page.content()).includes('secret-part'), 'the address of a channel is shown');
    await accessible(page, 'channels');
  });
  await flags(t, dana);
  await policies(t, maya);
  for (const person of [maya, dana, ido]) person.forget(); // refusals that were meant to be
}

async function send(person, method, path, data) {
  const answer = await person.context.request.fetch(path, {
    method,
    data,
    headers: { Origin: person.origin },
  });
  check(answer.ok(), `${method} ${path}: ${await answer.text()}`);
  return answer.json();
}

/** A change of a flag in production is decided on the same page as a run. */
async function flags(t, dana) {
  const { steps } = t;
  const flag = '/v1/flag-projects/delivery-slots/flags/delivery-slots.second';
  await steps.step('a large step of a flag waits in the inbox of somebody else', async () => {
    await send(dana, 'POST', '/v1/flag-projects/delivery-slots/flags', {
      key: 'delivery-slots.second',
      title: 'Second slot',
    });
    const { proposal } = await send(dana, 'PUT', `${flag}/environments/production-eu-west-1`, {
      version: 0,
      on: true,
      serve: { variation: 'on' },
      reason: 'launch',
      propose: true,
    });
    const { page } = dana;
    await page.goto(`/approvals/${proposal.id}`);
    await page
      .getByText('You proposed this yourself')
      .or(page.getByText('You asked for this'))
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Withdraw' }).waitFor();
  });
  await steps.step('it is read as a whole and approved there; the flag serves it', async () => {
    const noa = t.persons.noa ?? (await Person.signIn(t, 'noa')); // maintainer
    const { page } = noa;
    await page.goto('/');
    await page.getByText('delivery-slots.second in production-eu-west-1').first().waitFor();
    await page.goto('/approvals');
    await page.getByText(/Waiting for me \(\d/).waitFor();
    await accessible(page, 'inbox-flag');
    await page.getByRole('link', { name: 'delivery-slots.second in production-eu-west-1' }).click();
    await page.getByRole('heading', { name: 'Your decision' }).waitFor();
    await page.getByText('turned on').waitFor();
    await accessible(page, 'approval-flag');
    await page.getByLabel('Comment').fill('Go.');
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.getByText('Noa', { exact: false }).first().waitFor();
    await page.getByText('1 of 1').first().waitFor();
    const { flag: now } = await dana.api(flag);
    check(
      now.environments.find((one) => one.environment === 'production-eu-west-1').on,
      'the flag is not on',
    );
  });
}

/** Policies: a second administrator proposes, the first one confirms. */
async function policies(t, maya) {
  const { steps } = t;
  let account;
  const gil = { email: 'gil@example.com', name: 'Gil Second', password: 'correct horse battery' };
  await steps.step('a second administrator proposes a change of policies; the first is told', async () => {
    ({ person: account } = await send(maya, 'POST', '/v1/people', { ...gil, roles: ['administrator'] }));
    t.portal.people.gil = gil;
    const second = await Person.signIn(t, 'gil');
    const { page } = second;
    await page.goto('/policies');
    await page.getByRole('button', { name: 'Edit' }).click();
    await page
      .getByLabel('Policies, in Cedar')
      .fill(
        '@id("nobody-writes-blueprints") @reason("A freeze.") @advice("Wait.")\nforbid (principal in Role::"viewer", action == Action::"blueprint.write", resource);',
      );
    await page.getByLabel('Why').fill('Blueprints are frozen');
    await page.getByRole('button', { name: 'Propose' }).click();
    await page.getByText('Blueprints are frozen').first().waitFor();
    await second.context.close();
    delete t.persons.gil;
  });
  await steps.step('the first administrator reads the difference and puts it into force', async () => {
    const { page } = maya;
    await page.goto('/notices');
    await page.getByText('Approve: Policies: Blueprints are frozen').waitFor();
    await page.goto('/approvals');
    await page.getByRole('link', { name: 'Policies: Blueprints are frozen' }).click();
    await page.getByRole('heading', { name: 'Your decision' }).waitFor();
    await accessible(page, 'approval-policy');
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.getByText('1 of 1').first().waitFor();
    const { set } = await maya.api('/v1/access/policies');
    check(set.policies.includes('nobody-writes-blueprints'), 'the policy is not in force');
    // Other flows expect a single administrator.
    await send(maya, 'PATCH', `/v1/people/${account.id}`, { status: 'suspended' });
  });
}
