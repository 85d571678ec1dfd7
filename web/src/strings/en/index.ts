export { common } from './common';
export { shell } from './shell';
export { account } from './account';
export { audit } from './audit';
export { home } from './home';
export { catalog } from './catalog';
export { entity } from './entity';
