// The real portal as a process of its own, with a data folder of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class Portal {
  static freePort = freePort;

  static async start(binary, { port, args = [] } = {}) {
    const portal = new Portal();
    portal.binary = binary;
    portal.dir = await mkdtemp(join(tmpdir(), 'sphera-e2e-'));
    portal.data = join(portal.dir, 'data');
    portal.port = port ?? (await freePort());
    portal.args = args;
    portal.output = '';
    await portal.boot();
    portal.origin = portal.output.match(/Sphera is at (\S+)/)[1];
    const demo = JSON.parse(await readFile(join(portal.data, 'demo.json'), 'utf8'));
    portal.people = Object.fromEntries(
      demo.people.map((who) => [who.name.split(' ')[0].toLowerCase(), who]),
    );
    return portal;
  }

  /** Starts the process and waits until it says that it is ready. */
  async boot() {
    const args = ['demo', '--data-dir', this.data, '--listen', `127.0.0.1:${this.port}`, ...this.args];
    const child = spawn(this.binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve, reject) => {
      const read = (chunk) => {
        this.output += chunk;
        if (String(chunk).includes('Ctrl-C stops')) resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(new Error(`the portal ended with ${code ?? signal}:\n${this.output.slice(-2000)}`));
      });
    });
  }

  /** Ends it as a power cut would. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async close() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM');
      await this.ended;
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}
