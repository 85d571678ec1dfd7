// Chromium, and people who are signed in with it.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { check } from './steps.mjs';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function launch() {
  const executablePath = process.env.SPHERA_CHROMIUM || process.env.CHROMIUM || '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: flags });
}

/** One person's browser; it remembers what its console complained about. */
export class Person {
  static async signIn(t, name, options = {}) {
    const { browser, portal } = t;
    const person = new Person();
    t.persons[name] = person;
    person.who = portal.people[name];
    person.origin = portal.origin;
    person.problems = [];
    person.context = await browser.newContext({
      baseURL: portal.origin,
      viewport: { width: 1440, height: 900 },
      colorScheme: 'light',
      reducedMotion: 'reduce',
      ...options,
    });
    person.context.setDefaultTimeout(10_000);
    person.page = await person.context.newPage();
    person.watch(person.page);
    const { page } = person;
    await page.goto('/');
    await page.getByLabel('Email').fill(person.who.email);
    await page.getByLabel('Password', { exact: true }).fill(person.who.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('navigation').first().waitFor();
    person.forget();
    return person;
  }

  watch(page) {
    page.on('console', (message) => {
      if (message.type() === 'error') this.problems.push(`${page.url()} console: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.problems.push(`${page.url()} threw: ${error.stack ?? error}`));
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && url.origin !== this.origin) {
        this.problems.push(`${page.url()} asked another origin: ${url.origin}`);
      }
    });
  }

  /** For parts where complaints are expected, such as a portal that is dead. */
  forget() {
    this.problems.length = 0;
  }

  calm() {
    check(this.problems.length === 0, `the browser complained:\n${this.problems.join('\n')}`);
  }

  async api(path) {
    const response = await this.context.request.get(path);
    return response.json();
  }
}

/** The pictures of the README and the docs; made only when asked for. */
export async function picture(page, name) {
  if (!process.env.E2E_SCREENSHOTS) return;
  const folder = join(import.meta.dirname, '../../../docs/screenshots');
  await mkdir(folder, { recursive: true });
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled', caret: 'hide' });
}
