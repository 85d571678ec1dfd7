// Git as a developer has it, with the credentials out of the command line.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export class Git {
  constructor(folder, person) {
    this.folder = folder;
    const basic = Buffer.from(`${person.email}:${person.password}`).toString('base64');
    this.env = {
      PATH: process.env.PATH,
      HOME: folder,
      GIT_TERMINAL_PROMPT: '0',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: person.name,
      GIT_AUTHOR_EMAIL: person.email,
      GIT_COMMITTER_NAME: person.name,
      GIT_COMMITTER_EMAIL: person.email,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'http.extraHeader',
      GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
    };
  }

  async do(...args) {
    return run('git', args, { cwd: this.folder, env: this.env });
  }

  /** What git said when it refused. */
  async refused(...args) {
    try {
      await this.do(...args);
    } catch (error) {
      return String(error.stderr);
    }
    throw new Error(`git ${args.join(' ')} was not refused`);
  }
}
