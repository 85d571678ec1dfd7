const value = document.querySelector('meta[name=csp-nonce]')?.getAttribute('content');

/** The nonce of this page, which every style tag made at run time needs. */
export const nonce = value ?? '';

// react-remove-scroll, inside Modal and Spotlight, adds a style tag and takes
// its nonce from this global.
if (nonce) (globalThis as Record<string, unknown>).__webpack_nonce__ = nonce;
