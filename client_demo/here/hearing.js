// The audio thread: hears the microphone, says at every tick where the face is.

import { Performer } from './motion/performer.js';
import { Resampler } from './resample.js';

const RATE = 16000; // Hz, what the motion model hears

/** processorOptions: { card, motion } of a pack; detector, the module of fvad.wasm; seed; fps.
 * Takes settings, { expression, life }, and { driven }, what a camera lends; gives { x, speaking, level, at } once a tick: `at` is when
 * the tick's last sample was heard, in the context's time. Passes the voice through. */
class Hearing extends AudioWorkletProcessor {
  #performer;
  #resampler = new Resampler(sampleRate, RATE);
  #fps;
  #tick = 0;
  #heard = 0; // samples at RATE

  constructor({ processorOptions }) {
    super();
    this.#fps = processorOptions.fps;
    this.#performer = new Performer(processorOptions);
    this.port.onmessage = ({ data }) => {
      if (data.driven) this.#performer.drive(data.driven);
      else this.#performer.settings = data;
    };
  }

  process([[voice]], [outputs]) {
    const samples = voice ?? new Float32Array(128); // nothing is connected: silence
    for (const output of outputs) output.set(samples);
    let rest = this.#resampler.push(samples);
    while (rest.length) {
      const tickEnds = Math.floor(((this.#tick + 1) * RATE) / this.#fps);
      const piece = rest.subarray(0, tickEnds - this.#heard);
      this.#performer.hear(piece);
      this.#heard += piece.length;
      rest = rest.subarray(piece.length);
      if (this.#heard === tickEnds) this.#tell();
    }
    return true;
  }

  #tell() {
    this.#tick += 1;
    const { speaking, level } = this.#performer;
    const x = this.#performer.pose().slice();
    this.port.postMessage({ x, speaking, level, at: currentTime });
  }
}

registerProcessor('hearing', Hearing);
