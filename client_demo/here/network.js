// A generator's list of layers, as docs/packs.md describes it.

const DRAWN = ['conv', 'up', 'rgb', 'rgb_subpixels'];

/** Whether a layer's output belongs to the picture. */
export const draws = (layer) => layer.kind.startsWith('rgb');

/** Throws for what this page does not draw yet. */
export function checkDrawn(config) {
  const other = config.layers.find(({ kind, noise, clamp }) => (
    !DRAWN.includes(kind) || noise || (clamp ?? null) !== null));
  if (other) {
    throw new Error(`this pack needs the layer ${other.name} of kind ${other.kind}, which this page `
      + `does not draw yet; expected ${DRAWN.join(', ')}, without noise and clamp`);
  }
}

/** Widths of the whole pictures that the network draws one after the other. */
export function pictureSizes(config) {
  return config.layers.filter(draws).map(pictureSize);
}

const pictureSize = (layer) => layer.resolution * (layer.kind === 'rgb_subpixels' ? 2 : 1);

/** The layers up to a picture of this size. */
export function layersTo(config, size) {
  const last = config.layers.findIndex((layer) => draws(layer) && pictureSize(layer) === size);
  if (last < 0) {
    throw new Error(`got a picture of ${size} pixels, expected one of ${pictureSizes(config)}`);
  }
  return config.layers.slice(0, last + 1);
}

/** Where the texture of the open mouth is moved into a picture of this size: { top, bottom, left,
 * right } in pixels; null if the network moves none. */
export function mouthBox(config, size) {
  if (!config.mouth) return null;
  const pixels = Object.entries(config.mouth).map(([edge, at]) => [edge, Math.floor((at * size) / 64)]);
  return Object.fromEntries(pixels);
}

/** Rows of a face's texture for a picture of this size: below the face at rest is its open mouth. */
export function textureRows(config, size) {
  const mouth = mouthBox(config, size);
  return size + (mouth ? mouth.bottom - mouth.top : 0);
}

/** Rows of a latent in W+. */
export const numWs = (config) => 1 + Math.max(...config.layers.map((layer) => layer.ws_index));

/** Resolutions whose styles belong together (realtime_models/generator/mixing.py). */
const BANDS = { coarse: [4, 8], middle: [16, 32], fine: [64, 2048] };

/** The rows of a latent that modulate convolutions of a band's resolutions. */
export function rowsOf(config, band) {
  const [low, high] = BANDS[band];
  const first = new Map();
  for (const layer of config.layers) {
    const drawn = draws(layer) ? 2048 : layer.resolution; // others share the row of a layer
    first.set(layer.ws_index, Math.min(drawn, first.get(layer.ws_index) ?? Infinity));
  }
  return [...first].filter(([, size]) => low <= size && size <= high).map(([row]) => row);
}
