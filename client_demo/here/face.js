// A pack in the page, and the finest picture of it that this machine draws in time.

import { Faces } from './faces.js';
import { loadLight, loadPack } from './pack.js';
import { Textures } from './textures.js';
import { WebGpuDecoder, findGpu } from './webgpu.js';

const TRIES = 3; // pictures that are timed, after one that is not
const SPARE = 0.7; // share of a tick that a picture may take: the page has more to do

export class TooSlow extends Error {}

/** A face that this page can draw. Made once, used by one call after the other. */
export class Face {
  /** open(name): fetches a file of the pack. fps: pictures a second that it must keep up with.
   * anyGpu: also one that is a processor in disguise. onBytes: see `loadPack`.
   * Rejects with TooSlow if there is no GPU or it does not keep up, and with PackError. */
  static async make({ open, fps, anyGpu = false, onBytes }) {
    const gpu = await findGpu();
    if (!gpu) throw new TooSlow('This browser offers no WebGPU.');
    if (gpu.adapter.info?.isFallbackAdapter && !anyGpu) throw new TooSlow('There is no GPU.');
    const face = new Face();
    face.pack = await loadPack(open, onBytes);
    face.#faces = new Faces(face.pack);
    face.#gpu = gpu;
    await face.#choose(open, anyGpu ? Infinity : (1000 * SPARE) / fps);
    return face;
  }

  #faces;
  #gpu;
  #decoder;

  /** Pixels a side. */
  get size() {
    return this.#decoder.size;
  }

  /** Resolves when the GPU is taken away. */
  get lost() {
    return this.#gpu.device.lost;
  }

  /** A face at rest, by name or number. */
  anchor(identity) {
    return this.#faces.anchor(identity);
  }

  /** Whether what is behind the face is for the page to choose. */
  get hasAlpha() {
    return this.pack.card.generator.channels === 4;
  }

  /** One anchor with some of another's styles: see `Faces`. */
  mixed(into, taken, band) {
    return this.#faces.mixed(into, taken, band);
  }

  /** The face at `anchor` moved by x: Uint8ClampedArray [size * size * 4], straight alpha. */
  picture(anchor, x) {
    return this.#decoder.decode(this.#faces.move(anchor, x));
  }

  /** Takes the finest resolution that keeps up; `most`: ms a picture. */
  async #choose(open, most) {
    const { card, generator } = this.pack;
    const textures = card.files.textures ? new Textures(this.pack) : null;
    const whole = { config: card.generator, tensors: generator, textures };
    const sizes = [card.generator.resolution, ...(card.smaller ?? [])];
    const finer = sizes.map((size) => () => ({ generator: whole, size }));
    const light = async () => ({
      generator: {
        config: { ...card.generator, layers: card.light.layers, resolution: card.light.resolution },
        tensors: await loadLight(open, card),
        textures,
      },
      size: card.light.resolution,
    });
    for (const find of [...finer, ...(card.light ? [light] : [])]) {
      const { generator: drawn, size } = await find();
      this.#decoder = await WebGpuDecoder.make(this.#gpu, drawn, { size, straight: true });
      if (await this.#takes() <= most) return;
    }
    throw new TooSlow('The GPU is too slow for this face.');
  }

  /** ms a picture, the quickest of a few. */
  async #takes() {
    const { card } = this.pack;
    const anchor = this.anchor(card.identities[0]);
    const x = new Float32Array(card.axes.length);
    await this.picture(anchor, x);
    let quickest = Infinity;
    for (let n = 0; n < TRIES; n += 1) {
      const begun = performance.now();
      await this.picture(anchor, x);
      quickest = Math.min(quickest, performance.now() - begun);
    }
    return quickest;
  }
}
