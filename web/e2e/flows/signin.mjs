// Signing in at a real OpenID provider, and again over a page whose session has
// ended: the filled form is still there. The provider is built once into
// .data (about 10 seconds).
import { spawn, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Person, picture } from '../lib/browser.mjs';
import { Portal } from '../lib/portal.mjs';
import { check, equal } from '../lib/steps.mjs';

const root = join(import.meta.dirname, '../../..');

/** The provider, sending people back to a portal. */
async function startProvider(portal) {
  const binary = join(root, '.data', 'oidc-provider');
  mkdirSync(join(root, '.data'), { recursive: true });
  execFileSync('go', ['build', '-o', binary, '.'], { cwd: join(root, 'tools/oidc'), stdio: 'inherit' });
  const process_ = spawn(binary, ['-client', 'sphera:secret', '-redirect', `${portal}/v1/auth/oidc/company/callback`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const issuer = await new Promise((resolve, reject) => {
    process_.stdout.once('data', (line) => resolve(String(line).trim()));
    process_.once('exit', () => reject(new Error('the provider ended')));
  });
  return { issuer, stop: () => process_.kill() };
}

async function signInThere(page) {
  await page.getByLabel('Username:').fill('ada');
  await page.getByLabel('Password:').fill('correct horse');
  await page.getByRole('button', { name: 'Login' }).click();
}

export async function flow(t) {
  const { steps, browser, binary } = t;
  const folder = process.env.SHOTS;
  const shot = async (page, name) => {
    await picture(page, name);
    if (folder) {
      mkdirSync(folder, { recursive: true });
      await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
    }
  };
  const port = await Portal.freePort();
  const origin = `http://localhost:${port}`;
  const provider = await startProvider(origin);
  const portal = await Portal.start(binary, {
    port,
    args: [
      '--public-url', origin, '--oidc-issuer', provider.issuer, '--oidc-client-id', 'sphera', '--oidc-client-secret', 'secret',
      '--oidc-title', 'Example Corp', '--oidc-groups-claim', 'groups', '--oidc-map', 'engineering=role:developer',
    ],
  });
  try {
    await play({ ...t, portal, origin }, steps, browser, shot);
  } finally {
    provider.stop();
    await portal.close();
  }
}

async function play(t, steps, browser, shot) {
  const ada = new Person();
  t.persons.ada = ada;
  ada.problems = [];
  ada.context = await browser.newContext({ baseURL: t.origin, viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', colorScheme: 'light' });
  ada.context.setDefaultTimeout(15_000);
  const page = (ada.page = await ada.context.newPage());

  await steps.step('the page that was asked for opens after signing in at the provider', async () => {
    await page.goto('/account');
    await page.getByRole('button', { name: 'Sign in with Example Corp' }).waitFor();
    await shot(page, 'sign-in');
    await page.getByRole('button', { name: 'Sign in with Example Corp' }).click();
    await signInThere(page);
    await page.getByRole('heading', { name: 'Account' }).waitFor();
    equal(new URL(page.url()).pathname, '/account', 'page');
    await page.getByText('ada@example.com').first().waitFor();
    await page.getByText('developer').first().waitFor();
  });

  await steps.step('a token with scopes', async () => {
    await page.getByLabel('Name of the token').fill('reader');
    await page.getByRole('combobox', { name: 'May be used for' }).click();
    await page.getByRole('option', { name: 'Reading only' }).click();
    await page.getByRole('button', { name: 'Create token' }).click();
    await page.getByText('Copy the token now').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByText('read', { exact: true }).first().waitFor();
    await shot(page, 'account-tokens');
  });

  await steps.step('a session that ends asks in a dialog, and the form is still filled', async () => {
    await page.getByLabel('Name of the token').fill('a name that took long');
    const cookies = await ada.context.cookies(t.origin);
    await ada.context.clearCookies({ name: 'sphera_session' });
    check(cookies.some((c) => c.name === 'sphera_session'), 'there was a session');
    await page.getByRole('button', { name: 'Create token' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Your session has ended').first().waitFor();
    await shot(page, 'session-ended');
    const opened = ada.context.waitForEvent('page');
    await dialog.getByRole('button', { name: 'Sign in with Example Corp' }).click();
    await signInThere(await opened);
    await page.getByText('Copy the token now').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByText('a name that took long').first().waitFor();
  });

  await steps.step('sphera login is allowed by one click on the page that it opens', async () => {
    const home = mkdtempSync(join(tmpdir(), 'sphera-cli-'));
    const login = spawn(t.binary, ['login', '--web', '--server', t.origin], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, XDG_CONFIG_HOME: home, BROWSER: 'true' },
    });
    const ended = new Promise((resolve) => login.once('exit', resolve));
    let said = '';
    const address = await new Promise((resolve, reject) => {
      login.stderr.on('data', (chunk) => {
        said += chunk;
        const found = said.match(/http\S+\/cli\?\S+/);
        if (found) resolve(found[0]);
      });
      login.once('exit', () => reject(new Error(`sphera login ended: ${said}`)));
    });
    await page.goto(address);
    await page.getByRole('heading', { name: /Allow the command line on/ }).waitFor();
    await shot(page, 'cli-allow');
    await page.setViewportSize({ width: 390, height: 844 });
    await shot(page, 'cli-allow-390');
    await page.setViewportSize({ width: 1440, height: 900 });
    check(login.exitCode === null, 'opening the page did nothing yet');
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.getByRole('heading', { name: 'The command line is signed in' }).waitFor();
    equal(await ended, 0, 'the command line');
    rmSync(home, { recursive: true });
  });

  await steps.step('signing out ends at the provider and not back in', async () => {
    await page.getByRole('button', { name: /Account menu|Ada/ }).first().click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.waitForURL((url) => url.origin === t.origin && url.pathname === '/login');
    const me = await ada.context.request.get(`${t.origin}/v1/me`);
    equal(me.status(), 401, 'after signing out');
  });

  await steps.step('an answer that belongs to no login is refused on the sign-in page', async () => {
    await page.goto('/v1/auth/oidc/company/callback?code=x&state=y');
    await page.getByRole('alert').waitFor();
    await shot(page, 'sign-in-refused');
  });
  await administrate(t, steps, browser, shot);
}

/** An administrator looks after people and machines. */
async function administrate(t, steps, browser, shot) {
  const admin = await Person.signIn(t, 'maya');
  admin.forget();
  const { page } = admin;
  await steps.step('people: roles are changed, and a stale sign-in is asked for once more', async () => {
    await page.goto('/people');
    await page.getByRole('link', { name: 'Ada Byron' }).waitFor();
    await shot(page, 'people');
    await page.getByRole('link', { name: 'Ada Byron' }).click();
    await page.getByRole('heading', { name: 'Ada Byron' }).waitFor();
    await shot(page, 'person');
    await page.getByLabel('Contractor').check();
    // As the portal answers 12 hours after the sign-in; the second call is real.
    const refusal = { ok: false, error: 'forbidden', message: 'Sign in once more.', rule: 'fresh-sign-in', data: { freshSignIn: true } };
    await page.route('**/v1/people/*', (route) => route.fulfill({ status: 403, json: refusal }), { times: 1 });
    await page.getByRole('button', { name: 'Save' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Sign in once more').waitFor();
    await shot(page, 'sign-in-once-more');
    await dialog.getByLabel('Password', { exact: true }).fill(admin.who.password);
    await dialog.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('Saved.').waitFor();
    await page.getByRole('button', { name: 'Suspend' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
    await page.getByRole('button', { name: 'Activate' }).waitFor();
  });
  await steps.step('teams: one that owns something goes only when another one gets it', async () => {
    await page.goto('/people');
    await page.getByLabel('Name of a new team').fill('night shift');
    await page.getByRole('button', { name: 'Add team' }).click();
    await page.getByRole('button', { name: 'Rename the team night shift' }).click();
    let dialog = page.getByRole('dialog');
    await dialog.getByText('It owns nothing.').waitFor();
    await dialog.getByLabel('Name').fill('day shift');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Delete the team day shift' }).waitFor();
    await page.getByRole('button', { name: 'Delete the team payments' }).click();
    dialog = page.getByRole('dialog');
    await dialog.getByText('It owns this').waitFor();
    check(await dialog.getByRole('button', { name: 'Delete', exact: true }).isDisabled(), 'payments could be deleted');
    await shot(page, 'team-delete');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Delete the team day shift' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('button', { name: 'Delete the team day shift' }).waitFor({ state: 'detached' });
    await shot(page, 'teams');
  });
  await steps.step('machines: a service account, its token, a trusted job', async () => {
    await page.goto('/machines');
    await page.getByRole('button', { name: 'Create service account' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('deployer');
    await dialog.getByRole('combobox', { name: 'Team' }).click();
    await page.getByRole('option').first().click();
    await dialog.getByRole('combobox', { name: 'Roles' }).click({ force: true });
    await page.getByRole('option', { name: 'developer' }).click();
    await page.keyboard.press('Escape');
    await dialog.getByRole('button', { name: 'Create service account' }).click();
    await page.getByText('deployer').first().waitFor();
    await page.getByRole('button', { name: 'Tokens' }).click();
    await page.getByLabel('Name of the token').fill('night');
    await page.getByRole('button', { name: 'New token' }).click();
    await page.getByText('Copy the token now').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Add rule' }).click();
    const rule = page.getByRole('dialog');
    await rule.getByLabel('Name of the rule').fill('shop, main');
    await rule.getByRole('textbox', { name: 'Value' }).first().fill('acme/shop');
    await rule.getByRole('combobox', { name: 'Service account' }).click();
    await page.getByRole('option', { name: /deployer/ }).click();
    await shot(page, 'trust-rule');
    await rule.getByRole('button', { name: 'Save' }).click();
    await page.getByText('shop, main').waitFor();
    await page.getByRole('button', { name: 'In the job' }).click();
    await page.getByText('token-exchange').waitFor();
    await shot(page, 'machines');
    await page.setViewportSize({ width: 390, height: 844 });
    await shot(page, 'machines-390');
    await page.goto('/people');
    await page.getByRole('link', { name: 'Ada Byron' }).waitFor();
    await shot(page, 'people-390');
  });
  admin.problems = admin.problems.filter((line) => !line.includes('403')); // the refusal above
  admin.calm();
}
