// Is it a voice? WebRTC's detector as realtime_models/motion/voice_activity.py asks it.
//
// vendor/fvad.wasm is libfvad, WebRTC's own detector, compiled by @echogarden/fvad-wasm 0.2.0;
// its licence lies beside it. Its exports have the letters that its build gave them.

const AGGRESSIVENESS = 2;
const RATE = 16000;
const FRAME = 160; // 10 ms
const REMEMBERED = 100; // frames that the detector hears anew after as many more: Python's does

export class VoiceActivity {
  #wasm;
  #detector;
  #at; // where a frame lies in its memory, bytes
  #frames = new Int16Array(2 * REMEMBERED * FRAME);
  #heard = 0;

  /** compiled: the WebAssembly.Module of fvad.wasm. */
  constructor(compiled) {
    const trap = () => { throw new Error('the voice detector ran out of memory'); };
    this.#wasm = new WebAssembly.Instance(compiled, { a: { a: trap, b: trap } }).exports;
    this.#wasm.d(); // constructors
    this.#detector = this.#wasm.e(); // fvad_new
    this.#at = this.#wasm.f(2 * FRAME); // malloc
    this.#anew();
  }

  /** frame: Int16Array [160] at 16 kHz. */
  hear(frame) {
    if (this.#heard === 2 * REMEMBERED) {
      this.#frames.copyWithin(0, REMEMBERED * FRAME);
      this.#anew();
      for (this.#heard = 0; this.#heard < REMEMBERED; this.#heard += 1) {
        const from = this.#heard * FRAME;
        this.#ask(this.#frames.subarray(from, from + FRAME));
      }
    }
    this.#frames.set(frame, this.#heard * FRAME);
    this.#heard += 1;
    return this.#ask(frame);
  }

  #anew() {
    this.#wasm.g(this.#detector); // fvad_reset
    this.#wasm.j(this.#detector, AGGRESSIVENESS); // fvad_set_mode
    this.#wasm.k(this.#detector, RATE); // fvad_set_sample_rate
  }

  #ask(frame) {
    new Int16Array(this.#wasm.c.buffer, this.#at, FRAME).set(frame);
    return this.#wasm.l(this.#detector, this.#at, FRAME) === 1; // fvad_process
  }
}
