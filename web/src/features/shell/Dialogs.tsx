import { useSpotlight } from '@mantine/spotlight';
import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from 'react';
import { paletteStore } from '~/lib/palette';
import { pendingProof } from '~/lib/proof';
import { pendingQuestion } from '~/ui/confirm';

const Palette = lazy(() => import('./Palette').then((module) => ({ default: module.Palette })));
const ShortcutsDialog = lazy(() =>
  import('./ShortcutsDialog').then((module) => ({ default: module.ShortcutsDialog })),
);
const ConfirmDialog = lazy(() =>
  import('~/ui/ConfirmDialog').then((module) => ({ default: module.ConfirmDialog })),
);

const SignInDialog = lazy(() =>
  import('~/features/signin/SignInDialog').then((module) => ({ default: module.SignInDialog })),
);

/** True once the page has come to rest, so that what follows does not slow it. */
function useIdle(): boolean {
  const [idle, setIdle] = useState(false);
  useEffect(() => {
    // Safari has no requestIdleCallback.
    const timer = setTimeout(() => setIdle(true), 400);
    return () => clearTimeout(timer);
  }, []);
  return idle;
}

/** The dialogs of the frame; their code is loaded after the page itself. */
export function Dialogs({
  roles,
  helpOpen,
  onCloseHelp,
}: {
  roles: string[];
  helpOpen: boolean;
  onCloseHelp: () => void;
}) {
  const idle = useIdle();
  const { opened } = useSpotlight(paletteStore);
  const question = useSyncExternalStore(pendingQuestion.subscribe, pendingQuestion.get);
  const proof = useSyncExternalStore(pendingProof.subscribe, pendingProof.get);
  return (
    <Suspense>
      {(idle || opened) && <Palette roles={roles} />}
      {helpOpen && <ShortcutsDialog opened onClose={onCloseHelp} />}
      {question && <ConfirmDialog question={question} onClose={pendingQuestion.clear} />}
      {proof && <SignInDialog proof={proof} />}
    </Suspense>
  );
}
