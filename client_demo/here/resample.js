// Sound at a device's rate to sound at the motion model's, sample by sample.

const CROSSINGS = 12; // of the sinc on either side: what comes out lags by 0.75 ms
const PASSED = 0.94; // share of the lower rate's band
const BETA = 8; // of the Kaiser window: 80 dB down beyond the band

export class Resampler {
  // Time is counted in fractions of an input sample, of which an output sample is a whole number.
  #fractions;
  #step;
  #due; // until the next output
  #phases; // per fraction by which an output is older than the newest input: weights, newest first
  #recent; // the newest input samples twice over, so that they lie side by side from anywhere
  #newest = 0;

  /** from, to: Hz. */
  constructor(from, to = 16000) {
    const common = divisor(from, to);
    [this.#fractions, this.#step] = [to / common, from / common];
    this.#due = this.#fractions;
    const stretch = Math.max(1, from / to);
    const reach = CROSSINGS * stretch;
    const lag = Math.ceil(reach);
    const weight = (away) => (
      Math.abs(away) < reach ? sinc((away * PASSED) / stretch) * kaiser(away / reach) : 0);
    this.#phases = Array.from({ length: this.#fractions }, (_, phase) => {
      const weights = Array.from({ length: 2 * lag + 1 }, (__, i) => (
        weight(i - lag - phase / this.#fractions)));
      const sum = weights.reduce((total, one) => total + one, 0);
      return Float32Array.from(weights, (one) => one / sum); // all let a constant through alike
    });
    this.#recent = new Float32Array(2 * (2 * lag + 1));
  }

  /** Float32Array of input -> Float32Array of what it completes. */
  push(samples) {
    const taps = this.#recent.length / 2;
    const made = [];
    for (const sample of samples) {
      this.#newest = (this.#newest + taps - 1) % taps;
      this.#recent[this.#newest] = sample;
      this.#recent[this.#newest + taps] = sample;
      for (this.#due -= this.#fractions; this.#due <= 0; this.#due += this.#step) {
        const weights = this.#phases[-this.#due];
        let sum = 0;
        for (let i = 0; i < taps; i += 1) sum += weights[i] * this.#recent[this.#newest + i];
        made.push(sum);
      }
    }
    return Float32Array.from(made);
  }
}

const divisor = (a, b) => (b ? divisor(b, a % b) : a);
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** The window at a place from -1 to 1 (Kaiser and Schafer 1980). */
function kaiser(place) {
  const bessel = (x) => {
    let [sum, term] = [1, 1];
    for (let k = 1; k < 40; k += 1) sum += term *= (x / (2 * k)) ** 2;
    return sum;
  };
  return bessel(BETA * Math.sqrt(Math.max(0, 1 - place * place))) / bessel(BETA);
}
