// The portal is killed in the middle of a run that somebody watches.
import { Person } from '../lib/browser.mjs';
import { equal } from '../lib/steps.mjs';
import { answerCreate, showPlan, start } from '../lib/wizard.mjs';

const service = {
  name: 'night-shift',
  system: 'Cart',
  template: 'Go HTTP service',
  description: 'Goes on where it was when the lights went out.',
};

export async function flow(t) {
  const { steps, portal } = t;
  const dana = t.persons.dana ?? (await Person.signIn(t, 'dana'));
  const { page } = dana;
  let run;
  await steps.step('kill the portal while it builds', async () => {
    await answerCreate(page, service);
    await showPlan(page);
    run = await start(page, 'Create a microservice');
    await page.getByRole('img', { name: 'Done' }).first().waitFor();
    await portal.kill();
  });
  await steps.step('the page says that the run goes on by itself', async () => {
    await page.getByText('The portal does not answer.').first().waitFor();
  });
  await steps.step('started again on the same port, the page comes back and the run ends well', async () => {
    await portal.boot();
    await page.getByText('Answers 200').waitFor({ timeout: 40_000 });
    await page.getByText('The portal does not answer.').waitFor({ state: 'detached' });
    const answer = await dana.api(`/v1/runs/${run}`);
    equal(answer.run.state, 'succeeded', 'state of the run');
  });
  await steps.step('the services from before answer again', async () => {
    for (const { address } of Object.values(t.services)) {
      await page.waitForFunction(async (url) => (await fetch(url)).status === 200, address, { timeout: 20_000 });
    }
  });
  dana.forget();
}
