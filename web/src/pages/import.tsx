import { createFileRoute } from '@tanstack/react-router';
import { ImportPage } from '~/features/catalog/ImportPage';

export const Route = createFileRoute('/import')({ component: ImportPage });
