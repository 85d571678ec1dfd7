import { layOut, type LayoutInput } from './layout';

// Arranging 200 nodes takes half a second; here it holds up nobody.
self.addEventListener('message', (event: MessageEvent<{ id: number; input: LayoutInput }>) => {
  self.postMessage({ id: event.data.id, places: layOut(event.data.input) });
});
