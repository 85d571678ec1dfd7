// What people store is data: texts that try to become program are shown as
// text on every page (S10), and no address does anything by being opened (S8).
import { Person } from '../lib/browser.mjs';
import { check, equal } from '../lib/steps.mjs';

const blueprint = 'Hostile';

/** Texts that run where a page takes them for more than text. */
function corpus() {
  const run = 'window.__pwn=1';
  const bases = [
    `<script>${run}</script>`,
    `<img src=x onerror="${run}">`,
    `<svg onload="${run}">`,
    `<svg><animate onbegin="${run}" attributeName=x dur=1s>`,
    `<iframe srcdoc="<script>parent.${run}</script>">`,
    `<details open ontoggle="${run}">`,
    `<a href="javascript:${run}">x</a>`,
    `<math><mtext><style><img src=x onerror="${run}"></style></mtext></math>`,
    `<form><button formaction="javascript:${run}">x`,
    `<body onload="${run}">`,
    `<input autofocus onfocus="${run}">`,
    `<object data="javascript:${run}">`,
    `<base href="javascript:/a/-${run}//">`,
    `<meta http-equiv=refresh content="0;url=javascript:${run}">`,
    `<template><script>${run}</script></template>`,
    `[x](javascript:${run})`,
    `![x](x"onerror="${run})`,
    `[x]: javascript:${run}`,
    `javascript:${run}//`,
    `data:text/html,<script>${run}</script>`,
    `{{constructor.constructor('${run}')()}}`,
  ];
  const wrap = [
    (s) => s,
    (s) => `"'>${s}`,
    (s) => `--></textarea></title></style></script>${s}`,
    (s) => `\u0000${s}`.replaceAll('\u0000', '&#0;'),
    (s) => s.replace('script', 'scr\tipt'),
    (s) => s.toUpperCase().replaceAll('WINDOW.__PWN', 'window.__pwn'),
    (s) => `\u001b[31m${s}\u001b[0m`.replaceAll('\u001b', '␛'),
    (s) => s.replaceAll('javascript:', 'java&#x0A;script:'),
    (s) => `\`\`\`\n${s}\n\`\`\`\n${s}`,
    (s) => `# ${s}\n\n<div>\n${s}`,
  ];
  return bases.flatMap((base) => wrap.map((f) => f(base)));
}

const api = (page, method, path, body) =>
  page.evaluate(
    async ([how, where, what]) => {
      const answer = await fetch(where, { method: how, headers: { 'Content-Type': 'application/json' }, body: what && JSON.stringify(what) });
      return { status: answer.status, body: await answer.json() };
    },
    [method, path, body],
  );

export async function flow(t) {
  const { steps } = t;
  const maya = await Person.signIn(t, 'maya');
  const { page } = maya;
  const dialogs = [];
  page.on('dialog', async (dialog) => {
    dialogs.push(dialog.message());
    await dialog.dismiss();
  });
  const texts = corpus();
  await steps.step('store hostile texts in every place for text', async () => {
    await page.goto('/');
    const text = { type: 'string' };
    const made = await api(page, 'POST', '/v1/blueprints', {
      identifier: blueprint,
      title: '<img src=x onerror="window.__pwn=1">',
      schema: {
        properties: {
          plain: { ...text, title: '<svg onload="window.__pwn=1">', description: '[x](javascript:window.__pwn=1)' },
          doc: { ...text, format: 'markdown' },
          link: { ...text, format: 'url' },
          list: { type: 'array', items: text },
        },
      },
    });
    equal(made.status, 201, `the blueprint: ${JSON.stringify(made.body).slice(0, 300)}`);
    let refused = 0;
    for (let at = 0; at < texts.length; at += 10) {
      const part = texts.slice(at, at + 10);
      const entity = { identifier: `h${at}`, title: part[0].slice(0, 120), properties: { plain: part[1], doc: part.join('\n\n'), list: part } };
      const stored = await api(page, 'POST', `/v1/blueprints/${blueprint}/entities`, entity);
      equal(stored.status, 201, `entity ${at}: ${JSON.stringify(stored.body).slice(0, 300)}`);
      const link = await api(page, 'PATCH', `/v1/blueprints/${blueprint}/entities/h${at}`, { properties: { link: 'javascript:window.__pwn=1' } });
      if (link.status === 422) refused++;
    }
    return `${texts.length} texts; ${refused} script addresses refused`;
  });
  await steps.step('S10: every page shows them as text', async () => {
    const paths = [`/catalog/${blueprint}`, `/catalog/${blueprint}/new`, `/blueprints/${blueprint}`, `/graph/${blueprint}/h0`, '/deleted', '/audit', '/'];
    for (let at = 0; at < texts.length; at += 10) paths.push(`/e/${blueprint}/h${at}`);
    for (const tab of ['graph', 'history', 'activity', 'access']) paths.push(`/e/${blueprint}/h0?tab=${tab}`);
    for (const path of paths) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).first().waitFor();
      await page.waitForFunction(() => !document.querySelector('.mantine-Skeleton-root, [aria-busy=true]'));
      const found = await page.evaluate(() => ({
        pwn: globalThis.__pwn,
        links: [...document.querySelectorAll('[href],[src],[action],[formaction]')]
          .flatMap((e) => ['href', 'src', 'action', 'formaction'].map((name) => e.getAttribute(name) ?? ''))
          .filter((value) => /^\s*(javascript|vbscript|data:text)/i.test(value)),
        handlers: [...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length,
      }));
      check(found.pwn === undefined, `${path}: a stored text ran`);
      equal(found.links.length, 0, `${path}: ${found.links[0]}`);
      equal(found.handlers, 0, `${path}: elements with handlers`);
    }
    equal(dialogs.length, 0, `dialogs: ${dialogs}`);
    return `${paths.length} pages`;
  });
  await steps.step('S8: opening an address starts nothing', async () => {
    const before = await state(page);
    const { body } = await api(page, 'GET', '/v1/actions');
    const paths = (body.actions ?? []).map((a) => `/create/${a.identifier}?name=deep-link&team=checkout&confirm=true&apply=true`);
    paths.push('/approvals?approve=true', '/runs?retry=all', `/e/${blueprint}/h0?delete=true`, '/import?apply=true', '/flags?toggle=all');
    for (const path of paths) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).first().waitFor();
    }
    equal(await state(page), before, 'runs and changes after opening them');
    return `${paths.length} addresses`;
  });
}

/** The newest run and the newest change, which opening a page must not touch. */
async function state(page) {
  const runs = await api(page, 'GET', '/v1/runs?limit=1');
  const events = await api(page, 'GET', '/v1/audit?limit=1');
  return JSON.stringify([runs.body.runs?.[0]?.id, events.body.events?.[0]?.seq]);
}
