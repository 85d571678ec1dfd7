import { Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { t } from '~/strings';
import { tf } from '~/strings/flags';
import { Dialog } from '~/ui/Dialog';

/** Asks why before something others will feel. */
export function ReasonDialog({
  title,
  text,
  verb,
  danger,
  required = true,
  pending,
  children,
  onConfirm,
  onClose,
}: {
  title: string;
  text?: ReactNode;
  verb: string;
  danger?: boolean;
  required?: boolean;
  pending?: boolean;
  children?: ReactNode;
  onConfirm: (reason: string) => void;
  onClose: () => void;
}) {
  const [reason, setReason] = useState('');
  const [asked, setAsked] = useState(false);
  const missing = required && reason.trim() === '';
  return (
    <Dialog opened onClose={onClose} title={title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(true);
          if (!missing) onConfirm(reason.trim());
        }}
      >
        <Stack gap="md">
          {text && (
            <Text size="sm" component="div">
              {text}
            </Text>
          )}
          {children}
          <ReasonField value={reason} onChange={setReason} error={asked && missing} required={required} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" color={danger ? 'red' : undefined} loading={pending}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

/** Why something changes; it stays in the history. */
export function ReasonField({
  value,
  onChange,
  error,
  required,
}: {
  value: string;
  onChange: (value: string) => void;
  error?: boolean;
  required?: boolean;
}) {
  return (
    <Textarea
      label={tf.list.reason}
      description={tf.list.reasonHint}
      autosize
      minRows={2}
      maxLength={500}
      data-autofocus
      withAsterisk={required}
      value={value}
      error={error ? tf.list.reasonMissing : undefined}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
