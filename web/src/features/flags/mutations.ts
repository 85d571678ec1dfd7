import { useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { asFlag, idOf, type Flag, type FlagId } from './types';
import type { Patch } from './model';
import { flagQuery } from './queries';

/** Puts a flag that the server answered with into what is shown, and asks for the rest again. */
export function remember(queryClient: QueryClient, raw: components['schemas']['Flag']): void {
  const flag = asFlag(raw);
  queryClient.setQueryData(flagQuery(flag.project, flag.key).queryKey, flag);
  type Page = { flags: Flag[] };
  queryClient.setQueriesData<{ pages: Page[]; pageParams: unknown[] }>(
    { queryKey: ['flag', 'list'] },
    (before) =>
      before && {
        ...before,
        pages: before.pages.map((page) => ({
          ...page,
          flags: page.flags.map((each) => (idOf(each) === idOf(flag) ? flag : each)),
        })),
      },
  );
  for (const part of ['history', 'preview', 'export', 'schedule', 'proposals', 'of']) {
    void queryClient.invalidateQueries({ queryKey: ['flag', part] });
  }
}

export type Edit = FlagId & {
  environment: string;
  version: number;
  patch: Patch;
  reason?: string;
  propose?: boolean;
};

export function sendEdit({ project, key, environment, version, patch, reason, propose }: Edit) {
  return api.put(
    '/v1/flag-projects/{project}/flags/{key}/environments/{env}',
    { path: { project, key, env: environment } },
    { ...patch, version, reason, propose } as never,
  );
}

/** Changes what a flag does in one environment. */
export function useEdit() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: sendEdit,
    onSuccess: ({ flag }) => remember(queryClient, flag),
  });
}
