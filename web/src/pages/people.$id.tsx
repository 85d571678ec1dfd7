import { createFileRoute } from '@tanstack/react-router';
import { PersonPage } from '~/features/people/PersonPage';

export const Route = createFileRoute('/people/$id')({ component: Person });

function Person() {
  const { id } = Route.useParams();
  return <PersonPage key={id} id={id} />;
}
