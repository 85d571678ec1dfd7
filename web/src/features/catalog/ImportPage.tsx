import { Button, Checkbox, FileButton, Group, Select, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState, type DragEvent } from 'react';
import { api } from '~/api/client';
import { blueprintsQuery } from '~/api/queries';
import type { ImportReport } from '~/api/types';
import { plural } from '~/lib/format';
import { t } from '~/strings';
import { IconUpload } from '~/ui/icons';
import { PageHeader } from '~/ui/PageHeader';
import { ErrorState, Skeletons } from '~/ui/States';
import { ImportReportView } from './ImportReportView';
import { readDropped, readFiles, type ImportFile } from './importFiles';
import { Note } from '~/ui/Note';

function changes(report: ImportReport): number {
  return [...report.blueprints, ...report.scorecards, ...report.entities].filter(
    (item) => item.verb === 'create' || item.verb === 'update',
  ).length;
}

const written = (report: ImportReport) =>
  plural(changes(report), 'blueprint or entity', 'blueprints and entities');

/** Files in, a dry run with every finding, then the import. */
export function ImportPage() {
  const queryClient = useQueryClient();
  const blueprints = useQuery(blueprintsQuery).data ?? [];
  const [files, setFiles] = useState<ImportFile[]>();
  const [blueprint, setBlueprint] = useState('');
  const [createMissing, setCreateMissing] = useState(false);
  const query = { blueprint, create_missing: createMissing };
  const check = useMutation({
    mutationFn: async (reading: Promise<ImportFile[]>) => {
      const read = await reading;
      setFiles(read);
      return (await api.post('/v1/import', { query: { ...query, dry_run: true } }, { files: read })).report;
    },
  });
  const write = useMutation({
    mutationFn: async () => (await api.post('/v1/import', { query }, { files: files ?? [] })).report,
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ['blueprint'] });
      void queryClient.invalidateQueries({ queryKey: ['entity'] });
    },
  });
  const startOver = () => {
    setFiles(undefined);
    check.reset();
    write.reset();
  };
  const report = write.data ?? check.data;
  const error = write.error ?? check.error;

  return (
    <div className="sph-page">
      <PageHeader
        title={t.catalog.importTitle}
        description={t.catalog.importDescription}
        actions={
          report && (
            <>
              <Button variant="default" onClick={startOver}>
                {t.catalog.startOver}
              </Button>
              {!write.data && changes(report) > 0 && (
                <Button onClick={() => write.mutate()} loading={write.isPending}>
                  {t.catalog.importNow}
                </Button>
              )}
            </>
          )
        }
      />
      {!report && !check.isPending && (
        <>
          <Group gap="md" align="flex-end">
            <Select
              label={t.catalog.tableOf}
              placeholder={t.catalog.tableByName}
              data={blueprints.map((b) => ({ value: b.identifier, label: b.title || b.identifier }))}
              value={blueprint || null}
              onChange={(value) => setBlueprint(value ?? '')}
              clearable
              searchable
              w={280}
            />
            <Checkbox
              label={t.catalog.createMissing}
              checked={createMissing}
              onChange={(event) => setCreateMissing(event.currentTarget.checked)}
              pb={8}
            />
          </Group>
          <DropZone onFiles={(reading) => check.mutate(reading)} />
        </>
      )}
      {check.isPending && <Skeletons rows={6} />}
      {error && (
        <div className="sph-card">
          <ErrorState error={error} retry={startOver} />
        </div>
      )}
      {write.data && (
        <Note tone="ok" title={t.catalog.imported} role="status">
          {t.catalog.importedText(written(write.data))} <Link to="/catalog">{t.catalog.seeCatalog}</Link>
        </Note>
      )}
      {report && !write.data && (
        <Text size="sm" aria-live="polite">
          {changes(report) > 0 ? t.catalog.wouldImport(written(report)) : t.catalog.nothingToImport}
        </Text>
      )}
      {report && <ImportReportView report={report} />}
    </div>
  );
}

function DropZone({ onFiles }: { onFiles: (reading: Promise<ImportFile[]>) => void }) {
  const [over, setOver] = useState(false);
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onFiles(readDropped(event.dataTransfer));
  };
  return (
    <section
      className={`sph-card sph-drop ${over ? 'over' : ''}`}
      aria-label={t.catalog.dropFiles}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <IconUpload size={32} aria-hidden color="var(--sph-muted)" />
      <Text fw={600} mt="sm">
        {t.catalog.dropFiles}
      </Text>
      <Text size="sm" className="sph-muted" mb="md">
        {t.catalog.dropHint}
      </Text>
      <Group gap="xs" justify="center">
        <FileButton
          multiple
          accept=".json,.yaml,.yml,.csv,.tsv"
          onChange={(chosen) => chosen.length > 0 && onFiles(readFiles(chosen))}
        >
          {(props) => <Button {...props}>{t.catalog.chooseFiles}</Button>}
        </FileButton>
      </Group>
    </section>
  );
}
