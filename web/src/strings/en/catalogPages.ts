export { graph } from './graph';
export { form } from './entityForm';
