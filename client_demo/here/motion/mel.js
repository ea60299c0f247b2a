// Log-mel features of a live voice: realtime_models/motion/mel.py in JavaScript.
//
// Here and in its neighbours memory is written in place: on an audio thread every new object is
// collected some day, and then the sound waits.

const LOWEST_LEVEL = -55;
const STANDS_OUT = 12;
const RISE = 0.05;
const FALL = 0.02;
const FAR = 18;
const FAR_HOPS = 25;
const FAR_FALL = 0.15;
const FOUND = 6;
const FLOOR_RISE = 0.03;
const FLOOR_FALL = 0.2;
const SILENT_POWER = 1e-12;
const RELATIVE_FLOOR = 1e-6;

export class LogMel {
  #config;
  #recent; // the newest `window` samples
  #fill; // how many of the newest hop are there
  #hann;
  #filters; // per band: its first bin and its weights
  #fft;
  #frame;
  #power;
  #voice = -26; // levels in dBFS
  #background = -120;
  #far = 0;

  /** config: `mel` of a pack's card. */
  constructor(config) {
    const { window, hop, mels } = config;
    this.#config = config;
    this.#recent = new Float32Array(window);
    this.#fill = 0;
    const size = 2 ** Math.ceil(Math.log2(window));
    this.#fft = new Fft(size);
    this.#frame = new Float64Array(size);
    this.#power = new Float32Array(size / 2 + 1);
    const hann = Float64Array.from({ length: window }, (_, i) => (
      0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (window + 1))));
    const meanSquare = hann.reduce((sum, value) => sum + value * value, 0) / window;
    this.#hann = Float32Array.from(hann, (value) => value / Math.sqrt(meanSquare));
    this.#filters = filters(config, size);
    this.mel = new Float32Array(mels); // the newest frame
    this.hop = hop;
  }

  /** Takes one sample; true if it completes a frame. */
  push(sample) {
    const { window, hop } = this.#config;
    this.#recent[window - hop + this.#fill] = sample;
    this.#fill += 1;
    if (this.#fill < hop) return false;
    this.#fill = 0;
    this.#hear();
    this.#recent.copyWithin(0, hop);
    return true;
  }

  #hear() {
    const { window, mels } = this.#config;
    this.#followLevel();
    const frame = this.#frame.fill(0);
    for (let i = 0; i < window; i += 1) frame[i] = Math.fround(this.#recent[i] * this.#hann[i]);
    this.#fft.power(frame, this.#power);
    const gain = 10 ** (-this.#voice / 10);
    for (let band = 0; band < mels; band += 1) {
      const { first, weights } = this.#filters[band];
      let energy = 0;
      for (let i = 0; i < weights.length; i += 1) energy += weights[i] * this.#power[first + i];
      this.mel[band] = Math.log(energy * gain + RELATIVE_FLOOR);
    }
  }

  #followLevel() {
    const { window, hop } = this.#config;
    let energy = 0;
    for (let i = window - hop; i < window; i += 1) energy += this.#recent[i] * this.#recent[i];
    const loudness = 10 * Math.log10(energy / hop + SILENT_POWER);
    if (loudness < this.#background) this.#background += FLOOR_FALL * (loudness - this.#background);
    else this.#background = Math.min(this.#background + FLOOR_RISE, loudness);
    if (loudness <= Math.max(this.#background + STANDS_OUT, LOWEST_LEVEL)) return;
    const gone = this.#far > FAR_HOPS;
    this.#far = loudness < this.#voice - (gone ? FOUND : FAR) ? this.#far + 1 : 0;
    const fall = gone ? FAR_FALL : FALL;
    this.#voice += (loudness > this.#voice ? RISE : fall) * (loudness - this.#voice);
  }
}

/** Triangles on the mel scale, without the bins where they are zero. */
function filters({ sample_rate: rate, window, mels, low_hz: low, high_hz: high }, size) {
  const toMel = (hz) => 2595 * Math.log10(1 + hz / 700);
  const step = (toMel(high) - toMel(low)) / (mels + 1);
  const edges = Array.from({ length: mels + 2 }, (_, i) => (
    700 * (10 ** ((toMel(low) + i * step) / 2595) - 1)));
  const scale = 2 / (size * window);
  return Array.from({ length: mels }, (_, band) => {
    const [from, centre, to] = edges.slice(band, band + 3);
    const weights = [];
    let first = 0;
    for (let bin = 0; bin <= size / 2; bin += 1) {
      const hz = (bin * rate) / size;
      const weight = Math.min((hz - from) / (centre - from), (to - hz) / (to - centre));
      if (weight <= 0) continue;
      if (weights.length === 0) first = bin;
      weights.push(weight * scale);
    }
    return { first, weights: Float32Array.from(weights) };
  });
}

/** Power spectra of real frames, by the transform of Cooley and Tukey (1965). */
class Fft {
  #size;
  #real;
  #imaginary;
  #cosines;
  #sines;
  #order;

  constructor(size) {
    this.#size = size;
    this.#real = new Float64Array(size);
    this.#imaginary = new Float64Array(size);
    const angle = (i) => (2 * Math.PI * i) / size;
    this.#cosines = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos(angle(i)));
    this.#sines = Float64Array.from({ length: size / 2 }, (_, i) => Math.sin(angle(i)));
    const bits = Math.log2(size);
    this.#order = Uint16Array.from({ length: size }, (_, i) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit += 1) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
      return reversed;
    });
  }

  /** frame: [size]; power: [size / 2 + 1], written. */
  power(frame, power) {
    const [size, real, imaginary] = [this.#size, this.#real, this.#imaginary];
    for (let i = 0; i < size; i += 1) real[i] = frame[this.#order[i]];
    imaginary.fill(0);
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let begin = 0; begin < size; begin += 2 * half) {
        for (let i = 0; i < half; i += 1) {
          const [c, s] = [this.#cosines[i * step], this.#sines[i * step]];
          const [a, b] = [begin + i, begin + i + half];
          const re = real[b] * c + imaginary[b] * s;
          const im = imaginary[b] * c - real[b] * s;
          real[b] = real[a] - re;
          imaginary[b] = imaginary[a] - im;
          real[a] += re;
          imaginary[a] += im;
        }
      }
    }
    for (let i = 0; i <= size / 2; i += 1) power[i] = real[i] ** 2 + imaginary[i] ** 2;
  }
}
