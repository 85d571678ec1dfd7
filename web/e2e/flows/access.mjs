// Who may do what: why not and who can on an entity, policies with their tests
// and what they would change, and looking at the portal as somebody else.
import { Person, picture } from '../lib/browser.mjs';
import { check } from '../lib/steps.mjs';

const policy = `@id("only-teams-change-carts")
@reason("Only its team changes the cart.")
@advice("Ask the team.")
forbid (principal, action == Action::"catalog.write", resource in Blueprint::"Component")
when { resource has id && resource.id == "CartService" }
unless { principal in resource.teams };
`;
const cases = `deny: roles=infrastructure | catalog.write | Component/CartService teams=x | | only-teams-change-carts
allow: roles=infrastructure | catalog.write | Component/Other teams=x`;

export async function flow(t) {
  const admin = await Person.signIn(t, 'maya');
  const { page } = admin;
  await ask(t, page);
  await write(t, page);
  await viewAs(t, admin);
  await t.steps.step('the browser had nothing to complain about', () => admin.calm());
}

async function ask({ steps }, page) {
  await steps.step('an entity says what I may do, and who may', async () => {
    await page.goto('/e/Component/CartService?tab=access');
    await page.getByRole('heading', { name: 'What can I do here?' }).waitFor();
    await picture(page, 'access');
    await page.getByRole('button', { name: 'Who can? change entities' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('listitem').first().waitFor();
    await picture(page, 'access-who');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });
}

async function write({ steps }, page) {
  await steps.step('a mistake is shown at its line', async () => {
    await page.goto('/policies');
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('Policies, in Cedar').fill(policy.replace('resource.id ==', 'resource.idd =='));
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByRole('alert').getByText('Line 5').waitFor();
    await picture(page, 'policies-mistake');
  });
  await steps.step('a policy with its tests comes into force', async () => {
    await page.getByLabel('Policies, in Cedar').fill(policy);
    await page.getByLabel('Tests, one a line').fill(cases);
    await page.getByLabel('Why').fill('Carts are for their team');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('2 tests hold.').waitFor();
    await picture(page, 'policies-checked');
    await page.getByRole('button', { name: /Put into force|Propose/ }).click();
    await page.getByText('Carts are for their team').first().waitFor();
    await picture(page, 'policies');
  });
}

async function viewAs({ steps }, person) {
  const { page } = person;
  await steps.step('an administrator looks at the portal as somebody else', async () => {
    await page.goto('/policies');
    await page.getByRole('combobox', { name: 'Person' }).click();
    const option = page.getByRole('option').first();
    const name = (await option.textContent()).trim();
    await option.click();
    await page.getByRole('button', { name: 'View as' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'View as' }).click();
    await page.getByText(`You are looking at the portal as ${name}`).waitFor();
    await picture(page, 'view-as');
    const refused = await page.evaluate(async () => {
      const r = await fetch('/v1/tokens', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name":"x"}' });
      return r.status;
    });
    check(refused === 403, `a token was made while looking: ${refused}`);
    person.forget(); // the browser tells of the refusal
    await page.getByRole('button', { name: 'End view as' }).click();
    await page.getByText(`You are looking at the portal as ${name}`).waitFor({ state: 'hidden' });
  });
}
