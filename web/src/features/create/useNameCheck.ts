import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { api } from '~/api/client';

// Which answer names a new entity, and of what kind.
const names: Record<string, { field: string; blueprint: string }> = {
  create_service: { field: 'name', blueprint: 'Component' },
};

export type NameCheck = { field: string; name: string; state: 'checking' | 'free' | 'taken' };

/** Says while typing whether the name of a new thing is free. */
export function useNameCheck(
  action: string,
  value: (field: string) => unknown,
  valid: boolean,
): NameCheck | undefined {
  const rule = names[action];
  const typed = rule ? String(value(rule.field) ?? '') : '';
  const [name] = useDebouncedValue(typed, 250);
  const query = useQuery({
    queryKey: ['entity', rule?.blueprint, name, 'exists'],
    enabled: Boolean(rule) && valid && name !== '' && name === typed,
    staleTime: 5_000,
    retry: false,
    // Asked as a search: a name that is free is no error, also in the browser's console.
    queryFn: async ({ signal }) => {
      const found = await api.post(
        '/v1/blueprints/{bp}/entities/search',
        { path: { bp: rule!.blueprint }, signal },
        { rules: [{ property: '$identifier', operator: '=', value: name }], limit: 1 },
      );
      return found.entities.length > 0;
    },
  });
  if (!rule || !valid || typed === '') return undefined;
  if (name !== typed || query.isPending) return { field: rule.field, name: typed, state: 'checking' };
  if (query.data === undefined) return undefined;
  return { field: rule.field, name, state: query.data ? 'taken' : 'free' };
}
