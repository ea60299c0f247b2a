// What is behind a face with alpha, by the names that stream/backgrounds.py gives.

import { address } from '../server.js';

const BLUR = 'blur:';
const BLURRED = 24; // pixels: as high as a blurred picture is before it is enlarged again

/** A canvas of `size` pixels a side: a colour as #rrggbb, or the middle of a picture, also blurred.
 * Rejects if there is no such picture. */
export async function backdrop(name, size) {
  const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size });
  const ink = canvas.getContext('2d');
  if (name.startsWith('#')) {
    ink.fillStyle = name;
    ink.fillRect(0, 0, size, size);
    return canvas;
  }
  const image = new Image();
  image.src = address(`backgrounds/${encodeURIComponent(name.replace(BLUR, ''))}.jpg`);
  await image.decode();
  const picture = name.startsWith(BLUR) ? withoutDetail(image) : image;
  const [width, height] = [picture.width, picture.height];
  const scale = Math.max(size / width, size / height);
  ink.drawImage(picture, (size - scale * width) / 2, (size - scale * height) / 2,
    scale * width, scale * height);
  return canvas;
}

/** Halved until nothing is left of it: in one step, pixels would be left out. */
function withoutDetail(picture) {
  if (picture.height <= BLURRED) return picture;
  const height = Math.max(BLURRED, Math.ceil(picture.height / 2));
  const width = Math.max(1, Math.round((picture.width * height) / picture.height));
  const smaller = Object.assign(document.createElement('canvas'), { width, height });
  smaller.getContext('2d').drawImage(picture, 0, 0, width, height);
  return withoutDetail(smaller);
}
