export const forge = {};
