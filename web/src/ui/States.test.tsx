import { screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { ApiError, offlineError } from '~/api/errors';
import { show } from '~/test/render';
import { ErrorState } from './States';

describe('ErrorState', () => {
  it('shows the four parts of a refusal', () => {
    const error = new ApiError(403, {
      error: 'forbidden',
      message: 'x',
      rule: 'audit-readers',
      reason: 'Only managers read the audit log.',
      alternative: 'Look at the activity of your service.',
      contact: 'role administrator',
    });
    show(<ErrorState error={error} />);
    const alert = screen.getByRole('alert');
    for (const part of [
      'audit-readers',
      'Only managers read the audit log.',
      'Look at the activity of your service.',
      'role administrator',
    ]) {
      expect(alert).toHaveTextContent(part);
    }
  });

  it('tells a portal that is away from one that refuses', () => {
    show(<ErrorState error={offlineError()} />);
    expect(screen.getByText('The portal does not answer')).toBeInTheDocument();
  });

  it('never shows the text of a programming error', () => {
    show(<ErrorState error={new TypeError("Cannot read properties of undefined (reading 'x')")} />);
    expect(screen.queryByText(/Cannot read/)).not.toBeInTheDocument();
  });
});
