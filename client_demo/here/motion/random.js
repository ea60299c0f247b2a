// numpy's generator, so that a seed gives the same blinks and the same faces as in Python.
//
// SeedSequence and PCG64 (O'Neill 2014, "PCG: a family of simple fast space-efficient statistically
// good algorithms"); normals by the ziggurat of Marsaglia and Tsang (2000), 256 layers.

const [M32, M64, M128] = [32n, 64n, 128n].map((bits) => (1n << bits) - 1n);
const MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645n;

/** 32-bit words of whole numbers of any size, the lowest first. */
function words(numbers) {
  return numbers.flatMap((number) => {
    const found = [];
    let rest = BigInt(number);
    do {
      found.push(Number(rest & M32));
      rest >>= 32n;
    } while (rest);
    return found;
  });
}

/** Eight words of 32 bits from any number of them. */
function seedState(entropy) {
  let constant = 0x43b0d7e5;
  const hash = (value) => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, 0x931e8875);
    const product = Math.imul(mixed, constant);
    return product ^ (product >>> 16);
  };
  const mix = (x, y) => {
    const sum = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y);
    return sum ^ (sum >>> 16);
  };
  const pool = [0, 1, 2, 3].map((i) => hash(entropy[i] ?? 0));
  for (let from = 0; from < 4; from += 1) {
    for (let to = 0; to < 4; to += 1) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  }
  for (const word of entropy.slice(4)) {
    for (let to = 0; to < 4; to += 1) pool[to] = mix(pool[to], hash(word));
  }
  constant = 0x8b51f9dd;
  return Array.from({ length: 8 }, (_, i) => {
    const mixed = pool[i % 4] ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    const product = Math.imul(mixed, constant);
    return (product ^ (product >>> 16)) >>> 0;
  });
}

const EDGE = 3.6541528853610088; // where the ziggurat's tail begins
const AREA = 0.00492867323399; // of each of its layers
const density = (x) => Math.exp(-0.5 * x * x);

/** Layer i's width, the share of it that needs no second look, and the density at its edge. */
const LAYERS = (() => {
  const widths = new Float64Array(256);
  widths[255] = EDGE;
  for (let i = 254; i > 0; i -= 1) {
    widths[i] = Math.sqrt(-2 * Math.log(AREA / widths[i + 1] + density(widths[i + 1])));
  }
  const sure = new Float64Array(256);
  for (let i = 2; i < 256; i += 1) sure[i] = widths[i - 1] / widths[i];
  const densities = widths.map(density);
  widths[0] = AREA / density(EDGE);
  sure[0] = EDGE / widths[0];
  return { widths, sure, densities };
})();

export class Random {
  #state;
  #step;

  /** seeds: whole numbers, at least one, as numbers or BigInts. */
  constructor(...seeds) {
    const state = seedState(words(seeds)).map(BigInt);
    const long = (i) => (state[i + 1] << 96n) | (state[i] << 64n) | (state[i + 3] << 32n) | state[i + 2];
    this.#step = ((long(4) << 1n) | 1n) & M128;
    this.#state = 0n;
    this.bits();
    this.#state = (this.#state + long(0)) & M128;
    this.bits();
  }

  /** 64 bits, as a BigInt. */
  bits() {
    this.#state = (this.#state * MULTIPLIER + this.#step) & M128;
    const word = (this.#state >> 64n) ^ (this.#state & M64);
    const turn = this.#state >> 122n;
    return ((word >> turn) | (word << (64n - turn))) & M64;
  }

  /** In [0, 1). */
  random() {
    return Number(this.bits() >> 11n) * 2 ** -53;
  }

  uniform(low, high) {
    return low + (high - low) * this.random();
  }

  /** From N(0, 1). */
  normal() {
    const { widths, sure, densities } = LAYERS;
    for (;;) {
      const bits = this.bits();
      const layer = Number(bits & 255n);
      const sign = bits & 256n ? -1 : 1;
      const share = Number((bits >> 9n) & 0xFFFFFFFFFFFFFn) * 2 ** -52;
      const x = share * widths[layer];
      if (share < sure[layer]) return sign * x;
      if (layer === 0) {
        for (;;) {
          const away = -Math.log1p(-this.random()) / EDGE;
          const height = -Math.log1p(-this.random());
          if (2 * height > away * away) {
            return ((bits >> 17n) & 1n ? -1 : 1) * (EDGE + away);
          }
        }
      }
      const height = densities[layer]
        + (densities[layer - 1] - densities[layer]) * this.random();
      if (height < density(x)) return sign * x;
    }
  }
}
