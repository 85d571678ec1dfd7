// What comes in and goes out: a webhook with its mapping tried on a payload, a
// signed event, one that fails and is worked on again; who is told of changes;
// an action as data with its form beside it; pages as they were sent.
import { createHmac } from 'node:crypto';
import { Person } from '../lib/browser.mjs';
import { check, equal } from '../lib/steps.mjs';

const mappings = [
  {
    blueprint: 'Domain',
    filter: '.body.kind == "system"',
    entity: { identifier: '.body.id', title: '.body.name' },
  },
];

export async function flow(t) {
  const { steps } = t;
  const maya = t.persons.maya ?? (await Person.signIn(t, 'maya'));
  const { page } = maya;
  let url = '';
  let secret = '';
  const post = async (body, key = secret) => {
    const text = JSON.stringify(body);
    const signature = `sha256=${createHmac('sha256', key).update(text).digest('hex')}`;
    return fetch(url, { method: 'POST', body: text, headers: { 'Content-Type': 'application/json', 'X-Hub-Signature-256': signature } });
  };

  await steps.step('a webhook is made; its secret is shown once', async () => {
    await page.goto('/sources?tab=webhooks');
    await page.getByRole('button', { name: 'New webhook' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Identifier').fill('ci');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.getByText('the secret is not shown again').waitFor();
    [url, secret] = await dialog.locator('code').allTextContents();
    check(url.includes('/v1/ingest/webhooks/') && secret.length >= 24, `address ${url}`);
    await dialog.getByRole('button', { name: 'Open' }).click();
    await page.getByRole('heading', { name: 'Mappings' }).waitFor();
    check(!(await page.content()).includes(secret), 'the secret is still on the page');
  });

  await steps.step('its mapping is tried on a payload before it is saved', async () => {
    await page.getByRole('textbox', { name: 'Mappings' }).fill(JSON.stringify(mappings));
    await page.getByLabel('A body that would come').fill('{"kind":"system","id":"from-ci","name":"From CI"}');
    await page.getByText('create Domain from-ci').waitFor();
    await page.getByText('would be new').waitFor();
    await page.getByLabel('A body that would come').fill('{"kind":"other"}');
    await page.getByText('No mapping fits this body.').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved', { exact: true }).first().waitFor();
  });

  await steps.step('a signed event makes its entity and stands in the log; one that is not is told', async () => {
    equal((await post({ kind: 'system', id: 'from-ci', name: 'From CI' })).status, 202, 'a signed event');
    await page.getByText('1 created, 0 updated, 0 deleted').waitFor({ timeout: 15_000 });
    equal((await maya.api('/v1/blueprints/Domain/entities/from-ci')).entity?.title, 'From CI', 'the entity');
    equal((await post({ kind: 'system', id: 'x' }, 'not the secret')).status, 401, 'an event with a wrong signature');
    await page.getByText('1 refused since the start').waitFor({ timeout: 15_000 });
  });

  await steps.step('an event that failed says why, and is worked on again after the mapping was mended', async () => {
    equal((await post({ kind: 'system', id: 'not an identifier' })).status, 202, 'an event that cannot work');
    const again = page.getByRole('button', { name: 'Work on it again' });
    await again.waitFor({ timeout: 15_000 });
    const mended = structuredClone(mappings);
    mended[0].entity.identifier = '.body.id | gsub(" "; "-")';
    await page.getByRole('textbox', { name: 'Mappings' }).fill(JSON.stringify(mended));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved', { exact: true }).first().waitFor();
    await again.click();
    await again.waitFor({ state: 'detached', timeout: 15_000 });
    equal((await maya.api('/v1/blueprints/Domain/entities/not-an-identifier')).entity?.identifier, 'not-an-identifier', 'the entity');
  });

  await steps.step('a mapping in the wrong form is refused with its place', async () => {
    await page.getByRole('textbox', { name: 'Mappings' }).fill('[{"blueprint":"System"}]');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('/mappings/0/entity').first().waitFor();
    maya.forget(); // the browser notes the refusals
  });

  await steps.step('changes of a blueprint are told to an address, and the attempts are listed', async () => {
    await page.goto('/sources?tab=changes');
    await page.getByRole('combobox', { name: 'Blueprint' }).selectOption('System');
    await page.getByLabel('Address that is told of every change').fill('https://changes.example.com/told');
    await page.getByRole('button', { name: 'Tell of changes' }).click();
    await page.getByText('https://changes.example.com/told').waitFor();
    await page.getByText('Attempts: 0').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Nobody is told of changes').waitFor();
  });

  await steps.step('an action as data is written beside the form that it makes', async () => {
    await page.goto('/sources?tab=actions');
    await page.getByRole('button', { name: 'New action' }).click();
    await page.getByLabel('Reason').waitFor();
    const field = page.getByRole('textbox', { name: 'Document' });
    const doc = JSON.parse(await field.inputValue());
    doc.trigger.userInputs.properties.reason.title = 'Why';
    await field.fill(JSON.stringify(doc));
    await page.getByLabel('Why').waitFor();
    await field.fill(JSON.stringify({ ...doc, trigger: { type: 'never' } }));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').waitFor();
    await field.fill(JSON.stringify(doc));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Open the form' }).click();
    await page.getByLabel('Why').waitFor();
    maya.forget();
  });

  await steps.step('pages and folders are listed; a list of entities is opened', async () => {
    const made = await maya.context.request.post('/v1/pages', {
      headers: { Origin: maya.origin },
      data: { identifier: 'all-systems', type: 'blueprint-entities', title: 'All systems', blueprint: 'System', widgets: [] },
    });
    check(made.ok(), `the page was not made: ${made.status()}`);
    await page.goto('/sources?tab=pages');
    await page.getByText('All systems').waitFor();
    await page.getByRole('link', { name: 'Open the list' }).first().click();
    await page.waitForURL('**/catalog/**');
  });
  maya.calm();
}
