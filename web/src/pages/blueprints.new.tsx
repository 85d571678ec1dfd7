import { createFileRoute } from '@tanstack/react-router';
import { useState } from 'react';
import { BuilderPage } from '~/features/builder/BuilderPage';
import type { BuilderTab } from '~/features/builder/tabs';

export const Route = createFileRoute('/blueprints/new')({ component: New });

function New() {
  const [tab, setTab] = useState<BuilderTab>('settings');
  return <BuilderPage saved={undefined} entityCount={0} tab={tab} onTab={setTab} />;
}
