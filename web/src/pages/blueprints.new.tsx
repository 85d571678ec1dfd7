import { createFileRoute } from '@tanstack/react-router';
import { useState } from 'react';
import { BuilderPage, type BuilderTab } from '~/features/builder/BuilderPage';

export const Route = createFileRoute('/blueprints/new')({ component: New });

function New() {
  const [tab, setTab] = useState<BuilderTab>('settings');
  return <BuilderPage saved={undefined} entityCount={0} tab={tab} onTab={setTab} />;
}
