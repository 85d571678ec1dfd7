import { createFileRoute } from '@tanstack/react-router';
import { SweepPage } from '~/features/sources/SweepPage';

export const Route = createFileRoute('/sweeps/$sweep')({ component: Sweep });

function Sweep() {
  const { sweep } = Route.useParams();
  return <SweepPage id={Number(sweep)} />;
}
