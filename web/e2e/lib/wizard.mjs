// The form, the plan and the run of an action, as a person goes through them.
import { performance } from 'node:perf_hooks';

/** Chooses an option of a list that opens. */
export async function choose(page, label, option) {
  const field = page.getByRole('combobox', { name: label });
  await field.click();
  await field.fill(option);
  await page.getByRole('option', { name: option }).first().click();
}

export async function answerCreate(page, service) {
  await page.goto('/create/create_service');
  await page.getByLabel('Name', { exact: false }).first().fill(service.name);
  if (service.team) await choose(page, 'Owner team', service.team);
  await choose(page, 'System', service.system);
  await page.getByRole('radio', { name: service.template }).check();
  await page.getByLabel('Description').fill(service.description);
}

export async function showPlan(page) {
  await page.getByRole('button', { name: 'Show the plan' }).click();
  await page.getByText('Nothing has happened yet.').waitFor();
}

/** Presses the button of the plan; resolves with the id of the run. */
export async function start(page, verb) {
  await page.getByRole('button', { name: verb, exact: true }).click();
  await page.waitForURL(/[?&]run=/);
  return new URL(page.url()).searchParams.get('run').replaceAll('"', '');
}

/** Waits until the page says that the address answers; the time in seconds. */
export async function answered(page, began) {
  await page.getByText('Answers 200').waitFor({ timeout: 60_000 });
  return (performance.now() - began) / 1000;
}
