// float16 as a pack stores it: browsers have no array type for it yet.

const table = new Float32Array(1 << 16);
for (let bits = 0; bits < 1 << 16; bits += 1) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? 2 ** -24 * fraction : 2 ** (exponent - 25) * (1024 + fraction);
  table[bits] = bits >> 15 ? -size : size; // a pack holds no infinity
}

/** Uint16Array -> Float32Array. */
export function fromHalf(halves) {
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i += 1) floats[i] = table[halves[i]];
  return floats;
}

/** The numbers of a tensor from `tensors`: Float32Array. */
export const floats = ({ data }) => (data instanceof Uint16Array ? fromHalf(data) : data);
