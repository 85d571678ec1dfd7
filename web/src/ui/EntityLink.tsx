import { Link } from '@tanstack/react-router';

/** A link to the page of an entity. */
export function EntityLink({ blueprint, id, title }: { blueprint: string; id: string; title?: string }) {
  return (
    <Link to="/e/$blueprint/$id" params={{ blueprint, id }}>
      {title || id}
    </Link>
  );
}
