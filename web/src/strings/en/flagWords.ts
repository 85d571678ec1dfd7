/** Sentences about flags; the numbers and names are filled in. */
export const words = {
  quoted: (text: string) => `“${text}”`,
  and: ' and ',
  or: ' or ',
  list: (items: string[], last: string) =>
    items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')}${last}${items.at(-1)}`,
  more: (n: number) => `${n} more`,
  plural: { targetingKey: 'users', accountId: 'accounts', sessionId: 'sessions' } as Record<string, string>,
  values: (attribute: string) => `values of ${attribute}`,
  attribute: {
    targetingKey: 'the user',
    accountId: 'the account',
    sessionId: 'the session',
  } as Record<string, string>,
  condition: (attribute: string, operator: string, values: string) =>
    values ? `${attribute} ${operator} ${values}` : `${attribute} ${operator}`,
  inSegment: (name: string) => `in the segment ${name}`,
  notInSegment: (name: string) => `not in the segment ${name}`,
  expression: (text: string) => `the expression ${text}`,
  if: (conditions: string, outcome: string) => `If ${conditions}: ${outcome}`,
  everybody: (outcome: string) => `Everybody else: ${outcome}`,
  everyoneWith: (what: string, variation: string) => `all ${what} get ${variation}`,
  share: (percent: string, what: string, variation: string) => `${percent} of ${what} get ${variation}`,
  also: (percent: string, variation: string) => `${percent} ${variation}`,
  codeDefault: 'the default in the code',
  off: (variation: string) => `Off: everybody gets ${variation}`,
  target: (attribute: string, values: string, variation: string) =>
    `Always, whatever the rules say, if ${attribute} is ${values}: ${variation}`,
  prerequisite: (flag: string, variations: string) => `Only while ${flag} gives ${variations}`,
  guard: (attribute: string, outcome: string) => `Without ${attribute}, one gets ${outcome}.`,
  ramp: (variation: string, from: string, to: string, start: string, end: string) =>
    `The share of ${variation} goes from ${from} to ${to} between ${start} and ${end}`,
  rampOne: (variation: string, to: string, at: string) => `The share of ${variation} becomes ${to} at ${at}`,
  step: (at: string, what: string) => `${at}: ${what}`,
  everybodyElse: (outcome: string) => `everybody else: ${outcome}`,
  turnOn: 'turn on',
  turnOff: 'turn off',
  diff: {
    turnedOn: 'It is turned on',
    turnedOff: 'It is turned off',
    off: (before: string, after: string) => `While off: ${after}, no longer ${before}`,
    added: (line: string) => `New: ${line}`,
    removed: (line: string) => `No longer: ${line}`,
    order: 'The rules are in another order',
  },
};
