import { isApiError } from '~/api/errors';
import { tc } from '~/strings/catalog';
import { Note } from '~/ui/Note';
import { ErrorState } from '~/ui/States';
import { problemsOf } from './form';

/** What the server refused that belongs to no field. */
export function SaveProblem({ error }: { error: Error | null }) {
  if (!error) return null;
  // Not found with details: a relation points at nothing.
  const pointsAtNothing = isApiError(error, 'not_found') && error.details.length > 0;
  if (!isApiError(error, 'validation_error') && !isApiError(error, 'identifier_taken') && !pointsAtNothing) {
    return (
      <div className="sph-card">
        <ErrorState error={error} title={tc.form.serverProblem} />
      </div>
    );
  }
  const { fields, others } = problemsOf(error);
  if (others.length === 0 && Object.keys(fields).length > 0) return null;
  return (
    <Note tone="bad" role="alert" title={tc.form.serverProblem}>
      {others.length === 0 ? error.message : others.map((text) => <div key={text}>{text}</div>)}
    </Note>
  );
}
