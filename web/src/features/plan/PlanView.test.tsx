import { screen, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import type { Plan } from '~/api/types';
import { show } from '~/test/render';
import { PlanDifferences } from './PlanDifferences';
import { PlanView } from './PlanView';

const empty: Plan = {
  summary: 'Nothing.',
  repositories: [],
  pullRequests: [],
  calls: [],
  catalog: [],
  processes: [],
  objects: [],
  approvals: [],
  steps: [],
  warnings: [],
  locks: [],
  facts: {},
  entities: [],
  digest: 'd',
};

const object = (environment: string, held: boolean) => ({
  verb: 'create',
  kind: 'Deployment',
  name: 'checkout',
  environment,
  held,
});

const plan: Plan = {
  ...empty,
  summary: 'Create the service checkout.',
  repositories: [
    {
      repository: 'ci-config',
      created: false,
      branch: 'sphera/checkout',
      message: 'Add checkout',
      files: [
        {
          path: 'services/checkout.yaml',
          verb: 'add',
          diff: '@@ -0,0 +1 @@\n+name: checkout',
          added: 1,
          removed: 0,
        },
      ],
    },
  ],
  pullRequests: [
    {
      repository: 'ci-config',
      title: 'Add checkout',
      branch: 'x',
      merge: 'by rule',
      rule: 'new service entries',
    },
    {
      repository: 'gitops',
      title: 'Add manifests',
      branch: 'x',
      merge: 'after review',
      rule: 'production',
      reviewers: ['role:infrastructure'],
    },
  ],
  processes: [
    {
      verb: 'start',
      service: 'checkout',
      environment: 'dev-eu-west-1',
      command: './checkout',
      limits: '256 MB memory',
      address: '/run/dev-eu-west-1/checkout/',
    },
  ],
  objects: [object('dev-eu-west-1', false), object('production-eu-west-1', true)],
  steps: [
    { name: 'create', title: 'Create the repository', undo: 'archives it' },
    { name: 'wait', title: 'Wait for the first answer' },
  ],
  warnings: ['gitops waits for a review.'],
  locks: ['service:checkout'],
};

it('shows the whole plan with totals', () => {
  show(<PlanView plan={plan} />);
  const totals = within(screen.getByRole('list', { name: 'In total' }));
  expect(totals.getAllByRole('listitem').map((item) => item.textContent)).toEqual([
    '1 repository',
    '1 file',
    '2 pull requests',
    '1 process',
    '2 cluster objects (1 held)',
    '2 steps',
  ]);
  expect(screen.getByText('gitops waits for a review.')).toBeInTheDocument();
  expect(screen.getByText('name: checkout')).toBeInTheDocument();
  expect(screen.getByText(/256 MB memory/)).toBeInTheDocument();
});

it('shows the rule that merges, and who reviews the rest', () => {
  show(<PlanView plan={plan} />);
  expect(screen.getByText('Merged by rule')).toBeInTheDocument();
  expect(screen.getByText('Rule: new service entries')).toBeInTheDocument();
  expect(screen.getByText('Waits for a review')).toBeInTheDocument();
  expect(screen.getByText(/Can review: Infrastructure/)).toBeInTheDocument();
});

it('marks what is held, and says what undoing does', () => {
  show(<PlanView plan={plan} />);
  expect(screen.getByText('Held')).toBeInTheDocument();
  expect(screen.getByText('Undo: archives it')).toBeInTheDocument();
  expect(screen.getByText('Undo: nothing is left to undo')).toBeInTheDocument();
});

it('says when a plan changes nothing', () => {
  show(<PlanView plan={empty} />);
  expect(screen.getByText('This plan changes nothing.')).toBeInTheDocument();
});

it('shows exactly what changed since the plan was shown', () => {
  show(
    <PlanDifferences
      differences={[
        {
          section: 'facts',
          name: 'repository ci-config main',
          before: 'a'.repeat(40),
          after: 'b'.repeat(40),
        },
        { section: 'catalog', name: 'API/checkout', before: '', after: '{"verb":"create"}' },
        { section: 'steps', name: 'wait', before: '{"name":"wait"}', after: '' },
      ]}
    />,
  );
  expect(screen.getByText('aaaaaaaa → bbbbbbbb')).toBeInTheDocument();
  expect(screen.getByText('Changed')).toBeInTheDocument();
  expect(screen.getByText('New in the plan')).toBeInTheDocument();
  expect(screen.getByText('No longer in the plan')).toBeInTheDocument();
});
