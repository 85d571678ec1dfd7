// Fails when the built UI is larger than its budget. kB = 1000 bytes, gzip -9.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const budget = { entry: 220, firstLoad: 250, css: 50, route: 170, total: 1100 };
const dist = fileURLToPath(new URL('../../internal/api/dist', import.meta.url));
const manifest = JSON.parse(readFileSync(`${dist}/.vite/manifest.json`, 'utf8'));

const sizes = new Map();
function size(file) {
  if (!sizes.has(file))
    sizes.set(file, gzipSync(readFileSync(`${dist}/${file}`), { level: 9 }).length / 1000);
  return sizes.get(file);
}

function staticFiles(key, seen = new Set()) {
  const chunk = manifest[key];
  if (!chunk || seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const next of chunk.imports ?? []) staticFiles(next, seen);
  return seen;
}

const sum = (files) => [...files].reduce((total, file) => total + size(file), 0);
const entryKey = Object.keys(manifest).find((key) => manifest[key].isEntry);
const entry = staticFiles(entryKey);
const all = new Set(Object.values(manifest).flatMap((chunk) => [chunk.file, ...(chunk.css ?? [])]));
const css = [...all].filter((file) => file.endsWith('.css'));
const scripts = [...all].filter((file) => file.endsWith('.js'));

const routes = Object.keys(manifest)
  .filter((key) => manifest[key].isDynamicEntry)
  .map((key) => {
    const own = [...staticFiles(key)].filter((file) => !entry.has(file));
    return { name: key, kB: sum(own) };
  })
  .sort((a, b) => b.kB - a.kB);

const home = routes.find((route) => route.name.startsWith('src/pages/index.tsx'))?.kB ?? 0;
const rows = [
  ['entry', sum(entry), budget.entry],
  ['first load of Home', sum(entry) + home, budget.firstLoad],
  ['css', sum(css), budget.css],
  ['all js and css', sum(scripts) + sum(css), budget.total],
  ...routes.map((route) => [`+ ${route.name}`, route.kB, budget.route]),
];

let failed = false;
for (const [name, kB, limit] of rows) {
  const over = kB > limit;
  failed ||= over;
  console.log(
    `${over ? 'OVER' : '  ok'} ${kB.toFixed(1).padStart(8)} kB of ${String(limit).padStart(4)}  ${name}`,
  );
}
if (failed) process.exit(1);
