import { t } from '~/strings';
import { Section } from '~/ui/Section';
import { ErrorState } from '~/ui/States';
import { useInstanceLog } from './useInstanceLog';

/** The live log of a service in one environment. */
export function InstanceLog({ service, environment }: { service: string; environment: string }) {
  const { lines, error } = useInstanceLog(service, environment);
  if (error) return <ErrorState error={error} />;
  return (
    <Section title={t.entity.logOf(environment)}>
      <pre className="mono">{lines.map((line) => line.text).join('\n')}</pre>
    </Section>
  );
}
