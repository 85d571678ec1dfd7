import { tw } from '~/strings/work';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState } from '~/ui/States';

/** A page of a repository that could not be loaded; the way back stays. */
export function RepoError({ repo, error, retry }: { repo: string; error: unknown; retry: () => void }) {
  return (
    <div className="sph-page">
      <PageHeader
        title={repo}
        crumbs={[{ label: tw.forge.title, link: { to: '/forge' } }, { label: repo }]}
      />
      <ErrorState error={error} retry={retry} />
    </div>
  );
}
