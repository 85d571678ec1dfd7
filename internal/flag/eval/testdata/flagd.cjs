// Evaluates flags with flagd's own evaluator for JavaScript. Reads a JSON list
// of {definition, contexts} and writes a list of lists of answers.
const { createRequire } = require("node:module");
const path = require("node:path");
const load = createRequire(path.resolve(__dirname, "../../../../web/package.json"));
const { FlagdCore } = load("@openfeature/flagd-core");
const quiet = { error() {}, warn() {}, info() {}, debug() {} };
Date.now = () => 1700000000000;
let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", () => {
  const out = JSON.parse(text).map(({ definition, contexts }) => {
    const core = new FlagdCore(undefined, quiet);
    try {
      core.setConfigurations(definition);
    } catch {
      return contexts.map(() => "REJECTED");
    }
    const flag = core.getFlag("f");
    return contexts.map((context) => {
      if (flag.state === "DISABLED") return "DISABLED:";
      const r = flag.evaluate(context, quiet);
      return r.errorCode ? "ERROR:" : `${r.reason}:${r.variant ?? ""}`;
    });
  });
  process.stdout.write(JSON.stringify(out));
});
