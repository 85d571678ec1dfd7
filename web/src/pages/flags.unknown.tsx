import { createFileRoute } from '@tanstack/react-router';
import { UnknownPage } from '~/features/flags/UnknownPage';

export const Route = createFileRoute('/flags/unknown')({ component: UnknownPage });
