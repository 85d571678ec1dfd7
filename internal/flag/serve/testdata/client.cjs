// One real OpenFeature client, driven line by line: a line of JSON asks, a line
// of JSON answers. Events of the provider are lines, too.
const { createInterface } = require('node:readline');
const { createRequire } = require('node:module');
const from = createRequire(process.env.CLIENT_PACKAGES);
const { CLIENT: mode, BASE: base, KEY: key, PORT: port } = process.env;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function server(make) {
  const { OpenFeature, ProviderEvents } = from('@openfeature/server-sdk');
  for (const event of Object.values(ProviderEvents)) OpenFeature.addHandler(event, () => say({ event }));
  await OpenFeature.setProviderAndWait(make());
  const client = OpenFeature.getClient();
  return { ask: (a) => client[`get${a.kind}Details`](a.flag, a.default, a.context), close: () => OpenFeature.close() };
}

async function web() {
  globalThis.EventSource = from('eventsource').EventSource;
  const { OpenFeature, ProviderEvents } = from('@openfeature/web-sdk');
  const { OFREPWebProvider } = from('@openfeature/ofrep-web-provider');
  for (const event of Object.values(ProviderEvents)) OpenFeature.addHandler(event, () => say({ event }));
  const provider = new OFREPWebProvider({ baseUrl: base, headers: [['Authorization', `Bearer ${key}`]], cacheMode: 'disabled' });
  await OpenFeature.setContext({ targetingKey: 'u1' });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  return {
    ask: async (a) => {
      if (a.context) await OpenFeature.setContext(a.context);
      return client[`get${a.kind}Details`](a.flag, a.default);
    },
    close: () => OpenFeature.close(),
  };
}

function start() {
  switch (mode) {
    case 'ofrep': {
      const { OFREPProvider } = from('@openfeature/ofrep-provider');
      return server(() => new OFREPProvider({ baseUrl: base, headers: [['Authorization', `Bearer ${key}`]] }));
    }
    case 'flagd': {
      const { FlagdProvider } = from('@openfeature/flagd-provider');
      return server(() => new FlagdProvider({ resolverType: 'in-process', host: '127.0.0.1', port: Number(port), selector: key, retryBackoffMs: 50, retryBackoffMaxMs: 100, keepAliveTime: 1000, deadlineMs: 5000 }));
    }
    default:
      return web();
  }
}

start().then(
  (client) => {
    say({ ready: true });
    createInterface({ input: process.stdin }).on('line', async (line) => {
      const a = JSON.parse(line);
      if (a.close) {
        await client.close();
        process.exit(0);
      }
      try {
        say({ answer: await client.ask(a) });
      } catch (error) {
        say({ answer: { thrown: String(error) } });
      }
    });
  },
  (error) => {
    say({ failed: String(error) });
    process.exit(1);
  },
);
