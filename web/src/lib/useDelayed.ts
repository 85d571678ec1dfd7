import { useEffect, useState } from 'react';

/** True once `millis` have passed; a fast answer then shows no skeleton at all. */
export function useDelayed(millis = 150): boolean {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), millis);
    return () => clearTimeout(timer);
  }, [millis]);
  return shown;
}
