import { ts } from '~/strings/signin';
import { PageHeader } from '~/ui/PageHeader';
import { Accounts } from './Accounts';
import { Trust } from './Trust';

/** Service accounts, and the CI jobs that are trusted. */
export function MachinesPage() {
  return (
    <div className="sph-page">
      <PageHeader title={ts.machines.title} description={ts.machines.description} />
      <Accounts />
      <Trust />
    </div>
  );
}
