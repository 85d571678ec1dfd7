export { graph } from './graph';
export { form } from './entityForm';
export { list } from './list';
export { history } from './history';
export { builder } from './builder';
export { sources } from './sources';
