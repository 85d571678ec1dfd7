import { createFileRoute } from '@tanstack/react-router';
import { ChannelsPage } from '~/features/notices/ChannelsPage';

export const Route = createFileRoute('/notices/channels')({ component: ChannelsPage });
