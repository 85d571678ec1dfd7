// The catalog for people: an entity is created with a form, found in a list,
// edited with its difference on screen, looked at in the past, seen in graphs,
// deleted and brought back.
import { Person, picture } from '../lib/browser.mjs';
import { check, equal } from '../lib/steps.mjs';
import { choose } from '../lib/wizard.mjs';

const name = 'Fulfilment desk';
const id = 'fulfilment-desk';

export async function flow(t) {
  const { steps } = t;
  const maya = await Person.signIn(t, 'maya');
  await forms(t, maya);
  await list(t, maya);
  await past(t, maya);
  await graph(t, maya);
  await steps.step('the browser had nothing to complain about', () => maya.calm());
}

async function forms({ steps }, { page }) {
  await steps.step('create an entity with the form of its blueprint', async () => {
    await page.goto('/catalog/Component');
    await page.getByRole('link', { name: /^New / }).click();
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Identifier', { exact: true }).fill('not an identifier'.replaceAll(' ', '!'));
    await page.getByRole('button', { name: 'Create', exact: true }).last().click();
    await page.getByText('Letters, digits and').waitFor();
    await page.getByLabel('Identifier', { exact: true }).fill(id);
    await choose(page, 'System', 'Cart');
    await page.getByRole('button', { name: 'Create', exact: true }).last().click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
  });
  await steps.step('edit it, with the difference before saving', async () => {
    await page.goto(`/e/Component/${id}/edit`);
    await page.getByLabel('Description', { exact: true }).fill('Packs and sends.');
    await page.getByRole('button', { name: 'Review changes' }).click();
    await page.getByRole('dialog').getByText('Packs and sends.').waitFor();
    await picture(page, 'entity-edit');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.getByText('Packs and sends.').first().waitFor();
  });
}

async function list({ steps }, person) {
  const { page } = person;
  await steps.step('filter with a condition; the address holds it', async () => {
    await page.goto('/catalog/Component');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByRole('textbox', { name: 'Value' }).fill(name.slice(0, 8));
    await page.waitForURL(/filter=/);
    await page.getByText('1 entity', { exact: true }).waitFor();
    await picture(page, 'catalog-filter');
    const shown = page.url();
    await page.goto('/');
    await page.goto(shown);
    await page.getByRole('link', { name }).waitFor();
  });
  await steps.step('save it as a view and open it again', async () => {
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Save as a view' }).click();
    await page.getByLabel('Name of the view').fill('Desks');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.waitForURL(/view=/);
    await page.goto('/catalog/Component');
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Desks' }).click();
    await page.getByText('1 entity', { exact: true }).waitFor();
  });
  await steps.step('the export has the very same rows', async () => {
    await page.getByRole('button', { name: 'Export' }).click();
    const href = await page.getByRole('menuitem', { name: /JSON/ }).getAttribute('href');
    const file = await person.api(href);
    equal(file.entities.length, 1, 'rows of the export');
    equal(file.entities[0].identifier, id, 'the exported entity');
    await page.keyboard.press('Escape');
  });
  await steps.step('group by a property, with shares', async () => {
    await page.goto('/catalog/Component?group=lifecycle');
    await page.getByRole('button', { name: /production/ }).click();
    await page.getByRole('table').waitFor();
    await picture(page, 'catalog-groups');
  });
}

async function past({ steps }, { page }) {
  await steps.step('history shows the change; undo takes it back', async () => {
    await page.goto(`/e/Component/${id}?tab=history`);
    await page.getByRole('cell', { name: 'Packs and sends.' }).first().waitFor();
    await picture(page, 'history');
    await page.getByRole('button', { name: 'Undo version 2' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Undo version 2' }).click();
    await page.getByText('Version 2 is undone').waitFor();
    await page.getByRole('article', { name: 'Version 3' }).waitFor();
  });
  await steps.step('delete it, and bring it back', async () => {
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Remove from the catalog' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove from the catalog' }).click();
    await page.waitForURL(/\/catalog\/Component/);
    await page.goto('/deleted');
    await page.getByRole('button', { name: `Restore ${name}` }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
  });
}

async function graph({ steps }, { page }) {
  await steps.step('the graph opens what was left out; the address holds it', async () => {
    await page.goto('/e/System/Cart?tab=graph');
    await page.locator('.react-flow__node').nth(1).waitFor();
    await page.getByRole('button', { name: /^Show \d+ more around/ }).first().click();
    await page.waitForURL(/open=/);
    await page.getByRole('button', { name: 'Fold everything' }).waitFor();
  });
  await steps.step('what depends on it, as a table', async () => {
    await page.goto('/graph/System/Cart?mode=impact&view=table');
    await page.getByText(/would notice when Cart fails/).waitFor();
    const rows = await page.getByRole('row').count();
    check(rows > 2, `the impact has ${rows} rows`);
  });
  await steps.step('the way between two entities', async () => {
    await page.goto(`/graph/Component/${id}?mode=path&to=Domain%2FOrders&view=table`);
    await page.getByRole('heading', { name: /apart/ }).waitFor();
    await picture(page, 'graph-path');
  });
}
