import { Button, Group, Text } from '@mantine/core';
import { t } from '~/strings';
import type { Question } from './confirm';
import { Dialog } from './Dialog';

/** The dialog behind confirm(). */
export function ConfirmDialog({ question, onClose }: { question: Question; onClose: () => void }) {
  return (
    <Dialog opened onClose={onClose} title={question.title}>
      <Text size="sm" component="div">
        {question.text}
      </Text>
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t.common.cancel}
        </Button>
        <Button
          color={question.danger ? 'red' : undefined}
          onClick={() => {
            question.onConfirm();
            onClose();
          }}
        >
          {question.verb}
        </Button>
      </Group>
    </Dialog>
  );
}
