import { createFileRoute } from '@tanstack/react-router';
import { RulesPage } from '~/features/approvals/RulesPage';

export const Route = createFileRoute('/approvals/rules')({ component: RulesPage });
