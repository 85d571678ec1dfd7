// Everything that a creation made is taken back, after the plan of that.
import { Person, picture } from '../lib/browser.mjs';
import { equal } from '../lib/steps.mjs';

export async function flow(t) {
  const { steps, services } = t;
  const dana = t.persons.dana ?? (await Person.signIn(t, 'dana'));
  const { page } = dana;
  for (const [name, made] of Object.entries(services)) {
    await steps.step(`the plan of undoing ${name}, then undo it`, async () => {
      await page.goto(`/runs/${made.run}`);
      await page.getByRole('button', { name: 'Undo', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('undoes “Create the repository”').waitFor();
      await picture(page, 'undo');
      await dialog.getByRole('button', { name: 'Undo all of this' }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.getByText('Undone', { exact: true }).first().waitFor({ timeout: 30_000 });
      await page.waitForFunction(async (url) => (await (await fetch(url)).json()).run.state === 'undone', `/v1/runs/${made.run}`);
    });
    await steps.step('it is gone from the catalog, its address is 404', async () => {
      await page.goto('/catalog/Component?q=' + name);
      await page.getByText('Nothing matches').first().waitFor();
      equal((await dana.context.request.get(made.address)).status(), 404, 'status of the address');
    });
  }
}
