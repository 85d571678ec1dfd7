// The same by command line, with its answers as JSON.
import { execFile, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { equal } from '../lib/steps.mjs';

const run = promisify(execFile);
const name = 'stock-alert';

export async function flow(t) {
  const { steps, portal } = t;
  const home = join(portal.dir, 'home');
  await mkdir(home, { recursive: true });
  const env = { PATH: process.env.PATH, HOME: home, SPHERA_SERVER: portal.origin };
  const sphera = async (...args) => {
    const { stdout } = await run(t.binary, [...args, '-o', 'json'], { env });
    return JSON.parse(stdout);
  };
  await steps.step('sphera login', () => login(t, env));
  let made;
  await steps.step('sphera create service --wait', async () => {
    const words = ['--team', 'checkout', '--system', 'Cart', '--template', 'go-http', '--description', 'Tells when stock is low.'];
    made = await sphera('create', 'service', name, ...words, '--yes', '--wait');
    equal((made.run ?? made).state, 'succeeded', 'state of the run');
  });
  await steps.step('sphera catalog get, run undo', async () => {
    await sphera('catalog', 'get', `Component/${name}`);
    const undone = await sphera('run', 'undo', (made.run ?? made).id, '--yes', '--wait');
    equal((undone.run ?? undone).state, 'undone', 'state of the run');
  });
}

/** The password goes in by standard input. */
function login({ portal, binary }, env) {
  const { email, password } = portal.people.dana;
  return new Promise((resolve, reject) => {
    const child = spawn(binary, ['login', '--email', email], { env, stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => (said += chunk));
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`sphera login: ${said}`))));
    child.stdin.end(`${password}\n`);
  });
}
