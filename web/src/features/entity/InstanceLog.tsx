import { t } from '~/strings';
import { LogView } from '~/ui/LogView';
import { ErrorState } from '~/ui/States';
import { useInstanceLog } from './useInstanceLog';

/** The live log of a service in one environment. */
export function InstanceLog({ service, environment }: { service: string; environment: string }) {
  const { lines, live, error } = useInstanceLog(service, environment);
  if (error) {
    return (
      <div className="sph-card">
        <ErrorState error={error} />
      </div>
    );
  }
  return <LogView label={t.entity.logOf(environment)} lines={lines} live={live} />;
}
