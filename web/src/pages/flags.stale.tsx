import { createFileRoute } from '@tanstack/react-router';
import { StalePage } from '~/features/flags/StalePage';

export const Route = createFileRoute('/flags/stale')({ component: StalePage });
