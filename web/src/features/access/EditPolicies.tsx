import { Button, Code, Group, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { api } from '~/api/client';
import { isApiError } from '~/api/errors';
import { ta } from '~/strings/access';
import { Dialog } from '~/ui/Dialog';
import { Note } from '~/ui/Note';
import { Section } from '~/ui/Section';
import { toastDone, toastError } from '~/ui/toast';
import { Editor, goTo } from './Editor';
import { schemaQuery, type PolicyReport } from './queries';
import { Report } from './Report';

const example = `@id("gold-services-are-for-their-teams")
@reason("Gold services are changed by their teams only.")
@advice("Ask the owning team.")
@who("owners")
forbid (principal, action == Action::"catalog.write", resource)
unless { principal in resource.teams || resource.teams.isEmpty() };
`;
const exampleCases = `deny: roles=infrastructure | catalog.write | Component/checkout teams=payments | | gold-services-are-for-their-teams
allow: roles=developer teams=payments | catalog.write | Component/checkout teams=payments
`;

/** The policies as text, with their tests, checked and tried before they are proposed. */
export function EditPolicies({
  set,
  alone,
  onClose,
}: {
  set: { version: number; policies: string; cases: string };
  alone: boolean;
  onClose: () => void;
}) {
  const queryClient = useQueryClient();
  const [policies, setPolicies] = useState(set.policies);
  const [cases, setCases] = useState(set.cases);
  const [reason, setReason] = useState('');
  const [report, setReport] = useState<PolicyReport>();
  const [schema, setSchema] = useState(false);
  const policiesField = useRef<HTMLTextAreaElement>(null);
  const casesField = useRef<HTMLTextAreaElement>(null);
  const draft = { base: set.version, policies, cases, reason };
  const check = useMutation({
    mutationFn: () => api.post('/v1/access/policies/check', {}, draft),
    onSuccess: (answer) => setReport(answer.report),
    onError: (error) => toastError(error),
  });
  const propose = useMutation({
    mutationFn: () => api.post('/v1/access/policies/changes', {}, draft),
    onSuccess: ({ change }) => {
      toastDone(change.state === 'applied' ? ta.applied : ta.proposed);
      void queryClient.invalidateQueries({ queryKey: ['policy'] });
      void queryClient.invalidateQueries({ queryKey: ['access'] });
      onClose();
    },
    onError: (error) => {
      if (isApiError(error) && error.status === 422) check.mutate();
      toastError(error);
    },
  });
  const changed = policies !== set.policies || cases !== set.cases;
  const edit = (change: () => void) => {
    change();
    setReport(undefined);
  };
  return (
    <Section
      title={ta.editTitle}
      description={ta.version(set.version)}
      action={
        <Group gap={6}>
          <Button size="compact-sm" variant="default" onClick={() => setSchema(true)}>
            {ta.schema}
          </Button>
          {!policies.trim() && (
            <Button
              size="compact-sm"
              variant="default"
              onClick={() =>
                edit(() => {
                  setPolicies(example);
                  setCases(exampleCases);
                })
              }
            >
              {ta.example}
            </Button>
          )}
        </Group>
      }
    >
      <Stack gap="md">
        {alone && <Note tone="warn">{ta.alone}</Note>}
        {report && (
          <Report
            report={report}
            onPlace={(where, line, column) =>
              goTo((where === 'policies' ? policiesField : casesField).current, line, column)
            }
          />
        )}
        <Editor
          label={ta.policiesLabel}
          value={policies}
          onChange={(value) => edit(() => setPolicies(value))}
          rows={14}
          field={policiesField}
        />
        <Editor
          label={ta.casesLabel}
          description={ta.casesHelp}
          value={cases}
          onChange={(value) => edit(() => setCases(value))}
          rows={4}
          field={casesField}
        />
        <TextInput
          label={ta.reasonLabel}
          description={ta.reasonHelp}
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="subtle" onClick={onClose}>
            {ta.cancel}
          </Button>
          <Button variant="default" loading={check.isPending} onClick={() => check.mutate()}>
            {ta.check}
          </Button>
          <Button
            loading={propose.isPending}
            disabled={!changed || !reason.trim()}
            onClick={() => propose.mutate()}
          >
            {alone ? ta.apply : ta.propose}
          </Button>
        </Group>
      </Stack>
      {schema && <Schema onClose={() => setSchema(false)} />}
    </Section>
  );
}

function Schema({ onClose }: { onClose: () => void }) {
  const { data } = useQuery(schemaQuery);
  return (
    <Dialog opened onClose={onClose} title={ta.schema} size="xl">
      <Code block tabIndex={0} aria-label={ta.schema}>
        {data ?? ''}
      </Code>
    </Dialog>
  );
}
