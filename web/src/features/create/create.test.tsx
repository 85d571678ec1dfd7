import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Action, InputSchema } from '~/api/types';
import { show } from '~/test/render';
import { asCommand, asCurl, shellQuote } from './copyAs';
import { groupActions } from './CreateHub';
import { draftKey, dropDraft, loadDraft, saveDraft } from './draft';
import { check, defaults, fromText, inputOf, type Problems, type Values } from './schema';
import { SchemaForm } from './SchemaForm';
import { startValues } from './CreateWizard';
import { answersIn, parseWizardSearch } from './wizardSearch';

const schema: InputSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    name: {
      type: 'string',
      title: 'Name',
      pattern: '^[a-z][a-z0-9-]+$',
      'x-pattern-help': 'lower case letters, digits and dashes',
    },
    team: { type: 'string', title: 'Team' },
    replicas: { type: 'integer', title: 'Replicas', minimum: 1, maximum: 9, default: 2, 'x-advanced': true },
    password: { type: 'string', title: 'Password', 'x-secret': true, 'x-advanced': true },
  },
  required: ['name', 'team'],
  'x-order': ['name', 'team', 'replicas', 'password'],
};

const action = (part: Partial<Action> = {}): Action => ({
  identifier: 'create_service',
  title: 'Create a microservice',
  description: '',
  icon: '',
  group: 'Services',
  roles: [],
  input: schema,
  allowed: true,
  stats: { runs: 0, successRate: 0, medianMillis: 0 },
  ...part,
});

function Form({ onSubmit, server = {} }: { onSubmit?: (values: Values) => void; server?: Problems }) {
  const [values, setValues] = useState(() => defaults(schema));
  return (
    <>
      <SchemaForm
        id="f"
        schema={schema}
        values={values}
        serverProblems={server}
        onChange={(name, value) => setValues((before) => ({ ...before, [name]: value }))}
        onSubmit={() => onSubmit?.(values)}
      />
      <button form="f">Go</button>
    </>
  );
}

describe('SchemaForm', () => {
  it('asks in the given order and folds away what is advanced', () => {
    show(<Form />);
    const labels = [...document.querySelectorAll('label')].map((label) => label.textContent);
    expect(labels.slice(0, 2)).toEqual(['Name *', 'Team *']);
    expect(screen.getByRole('button', { name: /More options/ })).toHaveAttribute('aria-expanded', 'false');
  });

  it('does not send what is missing, says so and goes to the first', async () => {
    const onSubmit = vi.fn<(values: Values) => void>();
    show(<Form onSubmit={onSubmit} />);
    await userEvent.click(screen.getByText('Go'));
    expect(onSubmit).not.toHaveBeenCalled();
    expect(screen.getAllByText('This is required')).toHaveLength(2);
    await waitFor(() => expect(screen.getByLabelText(/Name/)).toHaveFocus());
  });

  it('checks a field when it is left, in words that say how to fix it', async () => {
    show(<Form />);
    const name = screen.getByLabelText(/Name/);
    await userEvent.type(name, 'Bad Name');
    expect(screen.queryByText(/Expected:/)).toBeNull();
    await userEvent.tab();
    expect(screen.getByText('Expected: lower case letters, digits and dashes')).toBeInTheDocument();
    await userEvent.clear(name);
    await userEvent.type(name, 'good-name');
    expect(screen.queryByText(/Expected:/)).toBeNull();
  });

  it('puts what the server says beside the field and goes there, also when it is folded away', async () => {
    show(<Form server={{ replicas: 'Too many for this team' }} />);
    expect(await screen.findByText('Too many for this team')).toBeInTheDocument();
    expect(screen.getByRole('button', { name: /More options/ })).toHaveAttribute('aria-expanded', 'true');
    await waitFor(() => expect(screen.getByLabelText(/Replicas/)).toHaveFocus());
  });

  it('sends what was answered', async () => {
    const onSubmit = vi.fn<(values: Values) => void>();
    show(<Form onSubmit={onSubmit} />);
    await userEvent.type(screen.getByLabelText(/Name/), 'checkout');
    await userEvent.type(screen.getByLabelText(/Team/), 'payments{Enter}');
    expect(onSubmit).toHaveBeenCalledWith({ name: 'checkout', team: 'payments', replicas: 2 });
  });
});

describe('check', () => {
  const good = { name: 'checkout', team: 'payments' };
  it.each([
    [{ ...good }, {}],
    [{ ...good, name: '' }, { name: 'This is required' }],
    [{ ...good, replicas: 0 }, { replicas: 'At least 1' }],
    [{ ...good, replicas: 10 }, { replicas: 'At most 9' }],
    [{ ...good, replicas: 1.5 }, { replicas: 'This must be a whole number' }],
  ])('%j', (values, problems) => {
    expect(check(schema, values)).toEqual(problems);
  });

  it('leaves a pattern it does not understand to the server', () => {
    const odd: InputSchema = {
      ...schema,
      properties: { name: { type: 'string', pattern: '(?P<x>a)' } },
      required: [],
    };
    expect(check(odd, { name: 'b' })).toEqual({});
  });

  it('sends nothing for what was left empty', () => {
    expect(inputOf(schema, { name: 'a', team: '', replicas: undefined })).toEqual({ name: 'a' });
  });

  it('reads answers from an address', () => {
    expect(fromText({ type: 'integer' }, '3')).toBe(3);
    expect(fromText({ type: 'boolean' }, 'true')).toBe(true);
    expect(fromText({ type: 'array', items: { type: 'string' } }, 'a,b')).toEqual(['a', 'b']);
  });
});

describe('draft', () => {
  const key = draftKey('u1', 'create_service', undefined);
  beforeEach(() => localStorage.clear());

  it('is kept for a reload, without secrets', () => {
    saveDraft(key, schema, { name: 'checkout', password: 'hunter2' });
    expect(loadDraft(key, schema)).toEqual({ name: 'checkout' });
    expect(JSON.stringify(localStorage)).not.toContain('hunter2');
    dropDraft(key);
    expect(loadDraft(key, schema)).toBeUndefined();
  });

  it('is one of its own for each person and entity', () => {
    expect(
      new Set([key, draftKey('u2', 'create_service', undefined), draftKey('u1', 'x', 'checkout')]).size,
    ).toBe(3);
  });

  it('survives rubbish and forms that changed', () => {
    localStorage.setItem(key, '{oops');
    expect(loadDraft(key, schema)).toBeUndefined();
    localStorage.setItem(key, JSON.stringify({ at: Date.now(), values: { name: 'a', gone: 'b' } }));
    expect(loadDraft(key, schema)).toEqual({ name: 'a' });
    localStorage.setItem(key, JSON.stringify({ at: 0, values: { name: 'a' } }));
    expect(loadDraft(key, schema)).toBeUndefined();
  });
});

describe('start values', () => {
  const user = {
    id: 'u1',
    email: '',
    name: '',
    roles: [],
    teams: ['payments', 'other'],
    status: 'active',
    createdAt: '',
  };
  const withTeam = action({
    input: { ...schema, properties: { ...schema.properties, team: { type: 'string', 'x-team': true } } },
  });
  it('are the usual values, my team, the draft, then the address', () => {
    expect(startValues(withTeam, user, undefined, {})).toEqual({ team: 'payments', replicas: 2 });
    expect(startValues(withTeam, user, { team: 'x' }, { replicas: '5', password: 'no' })).toEqual({
      team: 'x',
      replicas: 5,
    });
  });

  it('read the address without taking its own keys for answers', () => {
    const search = parseWizardSearch({ step: 'odd', plan: 'p1', entity: 'checkout', name: 'x', evil: {} });
    expect(search).toEqual({ plan: 'p1', entity: 'checkout', name: 'x' });
    expect(answersIn(search)).toEqual({ name: 'x' });
  });
});

describe('copy as', () => {
  it('quotes for a shell', () => {
    expect(shellQuote('plain-1.2/x')).toBe('plain-1.2/x');
    expect(shellQuote("it's $(rm)")).toBe(`'it'\\''s $(rm)'`);
  });

  it('is the command line, without usual values and secrets', () => {
    const values = { name: 'checkout', team: 'payments', replicas: 2, password: 'hunter2' };
    expect(asCommand(action(), values)).toBe(
      'sphera create service checkout --team payments --input password="$PASSWORD" --wait',
    );
    expect(asCommand(action({ identifier: 'rotate' }), { name: 'a b' }, 'checkout')).toBe(
      "sphera action run rotate --entity checkout --input 'name=a b' --wait",
    );
  });

  it('is the calls, without secrets', () => {
    const text = asCurl(action(), { name: 'checkout', password: 'hunter2' }, 'http://portal');
    expect(text).toContain('http://portal/v1/actions/create_service/plans');
    expect(text).not.toContain('hunter2');
  });
});

describe('groupActions', () => {
  const used = (identifier: string, group: string, runs: number) =>
    action({ identifier, title: identifier, group, stats: { runs, successRate: 1, medianMillis: 1 } });
  it('lists what is used most first', () => {
    const groups = groupActions([used('a', 'X', 1), used('b', 'Y', 9), used('c', 'X', 3)], '');
    expect(groups.map(([name, list]) => [name, list.map((each) => each.identifier)])).toEqual([
      ['Y', ['b']],
      ['X', ['c', 'a']],
    ]);
  });
  it('filters', () => {
    expect(groupActions([used('deploy', 'X', 1), used('revert', 'X', 1)], 'rev')[0]?.[1]).toHaveLength(1);
  });
});
