import { createFileRoute } from '@tanstack/react-router';
import { MachinesPage } from '~/features/machines/MachinesPage';

export const Route = createFileRoute('/machines')({ component: MachinesPage });
