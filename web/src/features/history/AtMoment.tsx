import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { isApiError } from '~/api/errors';
import type { Blueprint, Entity, Version } from '~/api/types';
import { allFields, valueOf } from '~/features/catalog/fields';
import { FieldValue } from '~/features/entityForm/ChangeTable';
import { fromLocal, toLocal } from '~/features/entityForm/form';
import { fullTime } from '~/lib/format';
import { tc } from '~/strings/catalog';
import { Fact, Facts } from '~/ui/bits';
import { Section } from '~/ui/Section';
import { ErrorState, Skeletons } from '~/ui/States';
import { atQuery } from './queries';

type Props = {
  blueprint: Blueprint;
  entity: Entity;
  versions: Version[];
  at: string | undefined;
  onAt: (at: string | undefined) => void;
};

/** The entity as it was: at a time, or step by step through its versions. */
export function AtMoment({ blueprint, entity, versions, at, onAt }: Props) {
  const oldestFirst = [...versions].reverse();
  // A number names a version, anything else is a time.
  const byNumber = at !== undefined && /^\d+$/.test(at);
  const shown = byNumber
    ? oldestFirst.findIndex((version) => String(version.version) === at)
    : at
      ? oldestFirst.findLastIndex((version) => version.at <= at)
      : oldestFirst.length - 1;
  const query = useQuery(atQuery(entity.blueprint, entity.identifier, at ?? ''));
  const time = byNumber ? oldestFirst[shown]?.at : at;
  return (
    <Section title={tc.history.atTitle} description={tc.history.atText}>
      <Stack gap="sm" py={6}>
        <Group gap="md" align="flex-end">
          <TextInput
            size="sm"
            type="datetime-local"
            label={tc.history.at}
            value={toLocal(time)}
            onChange={(event) => onAt(fromLocal(event.currentTarget.value))}
          />
          {oldestFirst.length > 1 && (
            <label style={{ flex: '1 1 220px', maxWidth: 460 }}>
              <Text size="sm" fw={500} component="span">
                {tc.history.slider}
              </Text>
              <input
                type="range"
                style={{ width: '100%', height: 36, accentColor: 'var(--mantine-primary-color-filled)' }}
                min={0}
                max={oldestFirst.length - 1}
                value={Math.max(0, shown)}
                aria-valuetext={oldestFirst[shown] && tc.history.version(oldestFirst[shown].version)}
                onChange={(event) => {
                  const version = oldestFirst[Number(event.currentTarget.value)];
                  onAt(version ? String(version.version) : undefined);
                }}
              />
            </label>
          )}
          {at && (
            <Button size="sm" variant="subtle" onClick={() => onAt(undefined)}>
              {tc.history.now}
            </Button>
          )}
        </Group>
        {at &&
          (query.isPending ? (
            <Skeletons rows={4} />
          ) : query.data ? (
            <>
              <Text size="sm" fw={600} aria-live="polite">
                {tc.history.asItWas(fullTime(byNumber ? query.data.version.at : at))} ·{' '}
                {tc.history.version(query.data.version.version)}
              </Text>
              <Facts>
                {allFields(blueprint)
                  .filter((field) => field.id !== '$updatedAt' && field.id !== '$createdAt')
                  .map((field) => (
                    <Fact key={`${field.kind} ${field.id}`} name={field.title}>
                      <FieldValue field={field} value={valueOf(query.data.entity, field)} />
                    </Fact>
                  ))}
              </Facts>
            </>
          ) : isApiError(query.error, 'not_found') ? (
            <Text size="sm" className="sph-muted">
              {tc.history.notThen}
            </Text>
          ) : (
            <ErrorState error={query.error} retry={() => void query.refetch()} />
          ))}
      </Stack>
    </Section>
  );
}
