import { useRouter } from '@tanstack/react-router';
import type { MouseEvent, ReactNode } from 'react';
import { IconExternalLink } from '~/ui/icons';

/** Addresses under these are not pages of the UI. */
const served = /^\/(run|git|v1)\//;

/** An address that comes as data, when it may be linked; other schemes could run code. */
export function safeAddress(address: string | undefined): string | undefined {
  if (!address) return undefined;
  if (/^\/(?![/\\])/.test(address)) return address;
  return /^https?:\/\/[^\s]+$/i.test(address) ? address : undefined;
}

/** True for an address that opens in a tab of its own. */
export function opensOutside(address: string): boolean {
  return !address.startsWith('/') || served.test(address);
}

/** A link to an address that comes as data: a page of the portal, a running service or another host. */
export function PortalLink({ to, children }: { to: string | undefined; children: ReactNode }) {
  const router = useRouter();
  const address = safeAddress(to);
  if (!address) return <>{children}</>;
  if (opensOutside(address)) {
    return (
      <a href={address} target="_blank" rel="noreferrer">
        {children} <IconExternalLink size={13} aria-hidden style={{ verticalAlign: '-2px' }} />
      </a>
    );
  }
  const onClick = (event: MouseEvent) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    router.history.push(address);
  };
  return (
    <a href={address} onClick={onClick}>
      {children}
    </a>
  );
}
