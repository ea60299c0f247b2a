// Sound that speaks in place of a microphone: the sample, typed words, a file.

import { Trouble } from './words.js';

/** Plays one clip at a time into a stream that a call can send. Silence in between. */
export class Clips {
  #context = new AudioContext();
  #out = new MediaStreamAudioDestinationNode(this.#context, { channelCount: 1 });
  #source = null;

  get stream() {
    return this.#out.stream;
  }

  /** data: the bytes of a sound file. Resolves when it has been spoken to its end or has given way
   * to another. Rejects with a Trouble if the browser cannot read it. */
  async play(data) {
    void this.#context.resume();
    const buffer = await this.#context.decodeAudioData(data).catch(() => null);
    if (!buffer) throw new Trouble('no-sound');
    this.stop();
    const source = this.#source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#out);
    await new Promise((resolve) => {
      source.addEventListener('ended', resolve);
      source.start();
    });
    if (this.#source === source) this.#source = null;
  }

  get playing() {
    return this.#source !== null;
  }

  stop() {
    this.#source?.stop();
    this.#source = null;
  }

  close() {
    this.stop();
    void this.#context.close();
  }
}
