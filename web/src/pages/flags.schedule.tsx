import { createFileRoute } from '@tanstack/react-router';
import { SchedulePage } from '~/features/flags/SchedulePage';

export const Route = createFileRoute('/flags/schedule')({ component: SchedulePage });
