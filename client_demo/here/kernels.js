// The synthesis network in WGSL: one text per kernel, numbers filled in where WGSL wants constants.
//
// Features are [channels / 4][height][width] of vec4f: four channels side by side. Weights are
// [out / 4][in / 4][taps][4 of in] of four outputs, in float16 pairs if the pack holds float16;
// what is computed is float32 throughout.

/** Pixels a thread computes (width, height), threads of a workgroup (width, height), and how many
 * of them share one output, each with its part of the input channels. */
export const SHAPES = {
  large: { px: 4, py: 2, tx: 8, ty: 8, parts: 1 },
  small: { px: 1, py: 1, tx: 8, ty: 8, parts: 4 },
};
export const THREADS = 64; // of the kernels that compute one number or position per thread

const weights = (binding, half) => (half
  ? `@group(0) @binding(${binding}) var<storage, read> weights: array<vec2u>;
fn weight(i: u32) -> vec4f {
  let pair = weights[i];
  return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y));
}`
  : `@group(0) @binding(${binding}) var<storage, read> weights: array<vec4f>;
fn weight(i: u32) -> vec4f { return weights[i]; }`);

const LAYER = `
struct Layer {
  size: u32,  // of the input, pixels a side
  in4: u32, out4: u32,  // channels, in fours
  style: u32, demod: u32,  // where its styles and demodulations begin, in fours
}
@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> styles: array<vec4f>;`;

const ACTIVATE = `
fn activate(v: vec4f) -> vec4f { return max(v, v * 0.2) * sqrt(2.0); }`;

/** All styles at once: the affine maps of the layers one below the other, [w_dim / 4][rows]. */
export const STYLES = (half) => `
${weights(0, half)}
@group(0) @binding(1) var<storage, read> ws: array<vec4f>;  // [num_ws][w_dim / 4]
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> row_of: array<u32>;  // whose row of ws
@group(0) @binding(4) var<storage, read_write> styles: array<f32>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let rows = arrayLength(&bias);
  let row = id.x;
  if (row >= rows) { return; }
  let wide = arrayLength(&weights) / rows;
  var sum = bias[row];
  for (var i = 0u; i < wide; i++) {
    sum += dot(weight(i * rows + row), ws[row_of[row] * wide + i]);
  }
  styles[row] = sum;
}`;

/** 1 / norm of each output's weights times styles. energies: the weights' squares, over taps. */
export const DEMODS = `
struct Output { energy: u32, stride: u32, style: u32, in4: u32 }
@group(0) @binding(0) var<storage, read> energies: array<vec4f>;  // per layer [in / 4][out]
@group(0) @binding(1) var<storage, read> outputs: array<Output>;
@group(0) @binding(2) var<storage, read> styles: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> demods: array<f32>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= arrayLength(&outputs)) { return; }
  let output = outputs[id.x];
  var sum = 1e-8;
  for (var i = 0u; i < output.in4; i++) {
    let style = styles[output.style + i];
    sum += dot(style * style, energies[output.energy + i * output.stride]);
  }
  demods[id.x] = inverseSqrt(sum);
}`;

/** 3x3 convolution of styled features, demodulated. finish: with bias and activation; else those
 * come after the enlargement. A workgroup computes a tile of four channels. */
export const CONV = (shape, half, finish) => {
  const { px, py, tx, ty, parts } = shape;
  const [wide, high] = [tx * px, ty * py];
  const pixels = [...Array(px * py).keys()].map((i) => [i % px, Math.floor(i / px)]);
  return `
${LAYER}
${weights(3, half)}
@group(0) @binding(4) var<storage, read> demods: array<vec4f>;
@group(0) @binding(5) var<storage, read> bias: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;
var<workgroup> tile: array<array<array<vec4f, ${wide + 2}>, ${high + 2}>, ${parts}>;
var<workgroup> taps: array<array<mat4x4f, 9>, ${parts}>;
${parts > 1 ? `var<workgroup> shares: array<array<vec4f, ${tx * ty}>, ${parts}>;` : ''}
${ACTIVATE}
@compute @workgroup_size(${tx}, ${ty}, ${parts})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) me: vec3u) {
  let size = i32(layer.size);
  let corner = vec2i(group.xy) * vec2i(${wide}, ${high});
  let thread = me.y * ${tx} + me.x;
  var sums: array<vec4f, ${px * py}>;
  for (var first = 0u; first < layer.in4; first += ${parts}) {
    let part = first + me.z;
    let there = part < layer.in4;
    workgroupBarrier();
    for (var i = thread; i < ${(wide + 2) * (high + 2)}; i += ${tx * ty}) {
      let at = vec2i(i32(i % ${wide + 2}), i32(i / ${wide + 2}));
      let source = corner + at - 1;
      let inside = there && all(source >= vec2i(0)) && all(source < vec2i(size));
      var value = vec4f();
      if (inside) {
        value = x[(i32(part) * size + source.y) * size + source.x] * styles[layer.style + part];
      }
      tile[me.z][at.y][at.x] = value;
    }
    for (var i = thread; there && i < 36; i += ${tx * ty}) {
      taps[me.z][i / 4][i % 4] = weight((group.z * layer.in4 + part) * 36 + i);
    }
    workgroupBarrier();
    if (there) {
      for (var dy = 0u; dy < 3; dy++) {
        for (var dx = 0u; dx < 3; dx++) {
          let tap = taps[me.z][dy * 3 + dx];
          ${pixels.map(([u, v], i) => `sums[${i}] += tap * `
    + `tile[me.z][me.y * ${py} + ${v} + dy][me.x * ${px} + ${u} + dx];`).join('\n          ')}
        }
      }
    }
  }
  ${parts > 1 ? `
  shares[me.z][thread] = sums[0];
  workgroupBarrier();
  if (me.z > 0) { return; }
  for (var part = 1u; part < ${parts}; part++) { sums[0] += shares[part][thread]; }` : ''}
  for (var i = 0; i < ${px * py}; i++) {
    let at = corner + vec2i(i32(me.x) * ${px} + i % ${px}, i32(me.y) * ${py} + i / ${px});
    if (all(at < vec2i(size))) {
      let value = sums[i] * demods[layer.demod + group.z];
      y[(i32(group.z) * size + at.y) * size + at.x] =
        ${finish ? 'activate(value + bias[group.z])' : 'value'};
    }
  }
}`;
};

/** Bilinear to twice the size, edges continued. finish: with bias and activation. */
export const ENLARGE = (finish) => `
${LAYER}
@group(0) @binding(5) var<storage, read> bias: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;
${ACTIVATE}
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let size = layer.size;
  if (any(id.xy >= vec2u(2 * size))) { return; }
  let near = id.xy / 2;  // three quarters of it, and one of its neighbour on that side
  let far = clamp(vec2i(near) + vec2i(id.xy % 2) * 2 - 1, vec2i(0), vec2i(i32(size) - 1));
  let plane = id.z * size;
  let top = 0.75 * x[(plane + near.y) * size + near.x]
    + 0.25 * x[(plane + near.y) * size + u32(far.x)];
  let low = 0.75 * x[(plane + u32(far.y)) * size + near.x]
    + 0.25 * x[(plane + u32(far.y)) * size + u32(far.x)];
  let value = 0.75 * top + 0.25 * low;
  y[(id.z * 2 * size + id.y) * 2 * size + id.x] =
    ${finish ? 'activate(value + bias[id.z])' : 'value'};
}`;

/** 1x1 convolution of styled features to one or 2x2 pixels, and the picture so far, which has half
 * the size of the new one, enlarged. */
export const RGB = (pixels, half) => `
${LAYER}
${weights(3, half)}
@group(0) @binding(4) var<storage, read> before: array<vec4f>;
@group(0) @binding(5) var<storage, read> bias: array<vec4f>;  // [pixels]
@group(0) @binding(6) var<storage, read_write> picture: array<vec4f>;
fn enlarged(at: vec2u, size: u32) -> vec4f {
  let near = at / 2;
  let far = vec2u(clamp(vec2i(near) + vec2i(at % 2) * 2 - 1, vec2i(0), vec2i(i32(size) - 1)));
  let top = 0.75 * before[near.y * size + near.x] + 0.25 * before[near.y * size + far.x];
  let low = 0.75 * before[far.y * size + near.x] + 0.25 * before[far.y * size + far.x];
  return 0.75 * top + 0.25 * low;
}
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let size = layer.size;
  if (any(id.xy >= vec2u(size))) { return; }
  var sums: array<vec4f, ${pixels * pixels}>;
  for (var i = 0u; i < layer.in4; i++) {
    let value = x[(i * size + id.y) * size + id.x] * styles[layer.style + i];
    for (var p = 0u; p < ${pixels * pixels}; p++) {
      let at = (i * ${pixels * pixels} + p) * 4;
      sums[p] += mat4x4f(weight(at), weight(at + 1), weight(at + 2), weight(at + 3)) * value;
    }
  }
  for (var p = 0u; p < ${pixels * pixels}; p++) {
    let at = id.xy * ${pixels} + vec2u(p % ${pixels}, p / ${pixels});
    picture[at.y * size * ${pixels} + at.x] = sums[p] + bias[p]
      + enlarged(at, size * ${pixels} / 2);
  }
}`;

/** The picture, from about -1 to 1, as levels of 8 bits; no colour exceeds its alpha. straight:
 * colours are no longer multiplied by it, as canvases want them. size: of the picture, if textures
 * are moved into it: by flows of which 1 is an eighth of the picture, as far as they are visible.
 * mouth: where that of the open mouth, which lies below the other, is moved, fading at its edges; or
 * null. */
export const LEVELS = (channels, straight, size = 0, mouth = null) => `
@group(0) @binding(0) var<storage, read> picture: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> levels: array<u32>;
${size ? `
@group(0) @binding(2) var<storage, read> visible: array<vec4f>;  // of each, before a sigmoid
@group(0) @binding(3) var<storage, read> flows: array<vec4f>;  // x and y of each
@group(0) @binding(4) var<storage, read> pixels: array<u32>;  // the textures
@group(0) @binding(5) var<uniform> share: vec4f;
fn texel(at: vec2u) -> vec4f { return unpack4x8unorm(pixels[at.y * ${size} + at.x]) * 2 - 1; }
/** The texture at a place; its first and last pixel are low and high. */
fn texture(place: vec2f, low: vec2u, high: vec2u) -> vec4f {
  let at = clamp(place, vec2f(low), vec2f(high));
  let near = vec2u(at);
  let far = min(near + 1, high);
  let part = at - vec2f(near);
  let top = mix(texel(near), texel(vec2u(far.x, near.y)), part.x);
  let bottom = mix(texel(vec2u(near.x, far.y)), texel(far), part.x);
  return mix(top, bottom, part.y);
}
fn shown(i: u32) -> vec4f {
  let here = vec2u(i % ${size}, i / ${size});
  let place = vec4f(vec4u(here, here)) + flows[i] * ${size / 8};
  let seen = share.x / (1 + exp(-visible[i].xy));
  var pixel = mix(picture[i], texture(place.xy, vec2u(0), vec2u(${size - 1})), seen.x);
  ${mouth ? `
  if (all(here >= vec2u(${mouth.left}, ${mouth.top}))
    && all(here < vec2u(${mouth.right}, ${mouth.bottom}))) {
    let down = vec2f(0, ${size - mouth.top});
    let first = vec2f(here) + 0.5 - vec2f(${mouth.left}, ${mouth.top});
    let last = vec2f(${mouth.right}, ${mouth.bottom}) - vec2f(here) - 0.5;
    let edge = min(min(first.x, first.y), min(last.x, last.y));
    pixel = mix(pixel, texture(place.zw + down, vec2u(${mouth.left}, ${size}),
      vec2u(${mouth.right - 1}, ${size + mouth.bottom - mouth.top - 1})),
      seen.y * min(edge / ${size / 32}, 1));
  }` : ''}
  return pixel;
}` : 'fn shown(i: u32) -> vec4f { return picture[i]; }'}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= arrayLength(&levels)) { return; }
  var level = clamp(round(shown(id.x) * 127.5 + 127.5), vec4f(0), vec4f(255));
  ${channels === 4 ? 'level = min(level, vec4f(level.a));' : 'level.a = 255;'}
  ${straight ? 'level = vec4f(round(level.rgb * 255 / max(level.a, 1)), level.a);' : ''}
  let byte = vec4u(level);
  levels[id.x] = byte.r | (byte.g << 8) | (byte.b << 16) | (byte.a << 24);
}`;
