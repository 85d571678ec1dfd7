export const tabs: Record<string, string> = {
  sources: 'Sources',
  webhooks: 'Webhooks',
  integrations: 'Integrations',
  changes: 'Change events',
  actions: 'Actions as data',
  pages: 'Pages',
};

export const json = {
  bad: 'This is not JSON.',
  save: 'Save',
  saved: 'Saved',
  remove: 'Delete',
  back: 'All of them',
  open: 'Open',
  none: 'Nothing yet',
};

export const webhooks = {
  none: 'No webhooks yet',
  noneText:
    'A webhook is an address that another system posts JSON to. Mappings say which entities come out of it.',
  add: 'New webhook',
  identifier: 'Identifier',
  title: 'Title',
  secret: 'Secret that requests are signed with',
  secretHint: 'Shown this one time. Keep it where the sender signs with it.',
  header: 'Header of the signature',
  create: 'Create',
  created: 'The webhook is there',
  once: 'Copy the address and the secret now: the secret is not shown again.',
  address: 'Address',
  signed: 'Signed requests only',
  unsigned: 'Not signed: whoever knows the address can post',
  off: 'Off',
  mappings: 'Mappings',
  mappingsHint:
    'A list of {blueprint, filter, itemsToParse, entity}. Texts in it are jq over .body, .headers and .item.',
  payload: 'A body that would come',
  try: 'What would come of it',
  tryHint: 'Nothing is written.',
  nothing: 'No mapping fits this body.',
  warnings: 'Saved, but this cannot work as it is',
  now: 'Now in the catalog',
  new: 'would be new',
  would: 'Would be sent',
  log: 'What came in',
  logNone: 'Nothing has come in yet.',
  states: { waiting: 'Waits', done: 'Done', failed: 'Failed' } as Record<string, string>,
  counts: (created: number, updated: number, deleted: number) =>
    `${created} created, ${updated} updated, ${deleted} deleted`,
  held: (n: number) => `${n} deletes wait for a person`,
  attempts: (n: number) => `${n} attempts`,
  refused: (n: number, reason: string) => `${n} refused since the start, the last one: ${reason}`,
  retry: 'Work on it again',
  retried: 'It is worked on again',
  removeTitle: (name: string) => `Delete the webhook ${name}?`,
  removeText: 'Its address answers no more. What it wrote stays in the catalog.',
};

export const integrations = {
  none: 'No integrations yet',
  noneText:
    'An integration appears when an exporter or Ocean registers itself, with an app of the role infrastructure.',
  seen: 'Last asked',
  version: 'Version',
  kind: 'Type',
  config: 'Mapping',
  configHint:
    'What the program reads and which entities it makes of it. It takes this over the next time it asks.',
  resync: 'Start over',
  resynced: 'It starts over when it asks the next time',
  syncs: 'Synchronisations',
  log: 'Log',
  logNone: 'It has reported nothing yet.',
  held: (n: number) => `${n} sweeps wait for a decision`,
};

export const changes = {
  none: 'Nobody is told of changes',
  noneText: 'A blueprint whose changes go to an address is listed here. Choose one to add an address.',
  blueprint: 'Blueprint',
  url: 'Address that is told of every change',
  add: 'Tell of changes',
  stop: 'Stop',
  stopTitle: (name: string) => `Stop telling of changes of ${name}?`,
  stopText: 'What waits to be told is left out.',
  log: 'Attempts',
  logNone: 'Nothing was told yet.',
  about: 'About',
  status: 'Answer',
  took: (ms: number) => `${ms} ms`,
  key: 'New signing key',
  keyTitle: 'Make a new signing key?',
  keyText:
    'Requests are signed with it from now on; receivers that know the old one refuse them until they have it.',
  keyOnce: 'The signing key, shown this one time',
};

export const actions = {
  none: 'No actions as data yet',
  noneText:
    'An action that is a document: inputs, a trigger, and what it calls. Actions in Go are not listed here.',
  add: 'New action',
  document: 'Document',
  documentHint: 'In Port’s form. The server checks it when it is saved.',
  preview: 'The form as people will see it',
  noForm: 'No form: it is started by an event.',
  removeTitle: (name: string) => `Delete the action ${name}?`,
  removeText: 'Its runs stay in the log.',
  selfService: 'Self-service',
  automation: 'Automation',
  off: 'Not published',
  open: 'Open the form',
  bad: 'It has no inputs that a form can be made of.',
};

export const pages = {
  none: 'No pages yet',
  noneText: 'Pages and folders that Terraform or the API made are listed here.',
  open: 'Open the list',
  folder: 'Folder',
  types: {
    'blueprint-entities': 'List of entities',
    entity: 'Page of an entity',
    dashboard: 'Dashboard',
    home: 'Home',
  } as Record<string, string>,
  document: 'Document',
  kept: 'Kept as it was sent; the portal does not draw widgets.',
};
