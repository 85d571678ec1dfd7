import { Button, Group, Text } from '@mantine/core';
import { t } from '~/strings';
import type { Question } from './confirm';
import { Dialog } from './Dialog';

/** The dialog behind confirm(). */
export function ConfirmDialog({ question, onClose }: { question: Question; onClose: () => void }) {
  const { onConfirm } = question;
  return (
    <Dialog opened onClose={onClose} title={question.title}>
      <Text size="sm" component="div">
        {question.text}
      </Text>
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          {onConfirm ? t.common.cancel : t.common.close}
        </Button>
        {onConfirm && (
          <Button
            color={question.danger ? 'red' : undefined}
            onClick={() => {
              onConfirm();
              onClose();
            }}
          >
            {question.verb}
          </Button>
        )}
      </Group>
    </Dialog>
  );
}
