import { createSpotlight } from '@mantine/spotlight';

// The palette's state is apart from its code, which is loaded later.
const [store, actions] = createSpotlight();

export const paletteStore = store;
/** Opens and closes the command palette from anywhere. */
export const palette = actions;
