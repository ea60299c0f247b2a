// A pack as its server hands it out: its card, and tensors as they are on disk.

import { checkDrawn } from './network.js';

// And `textures`, if the pack has some, and `light`, which a quick machine needs not.
const FILES = ['generator', 'motion', 'identities'];
const KINDS = { F16: Uint16Array, F32: Float32Array, U8: Uint8Array };
const KEPT = 'latentcam packs'; // name of the browser's cache

export class PackError extends Error {}

/** Fetches and checks a pack, or finds it in the browser's cache under its digests.
 * open(name): fetches one of its files. onBytes: told how many bytes have come, and of how many.
 * Returns { card, generator, motion, identities, textures }; each but the card is a Map of tensors
 * { shape, data }, data a Uint16Array of float16, a Float32Array or bytes. Throws PackError. */
export async function loadPack(open, onBytes = () => {}) {
  const card = await (await got(open, 'card.json')).json();
  if (card.format !== 2) throw new PackError(`the pack has format ${card.format}, expected 2`);
  checkDrawn(card.generator);
  const came = new Map();
  const count = (name) => (bytes, total) => {
    came.set(name, [bytes, total]);
    const all = [...came.values()];
    onBytes(...[0, 1].map((i) => all.reduce((sum, pair) => sum + pair[i], 0)));
  };
  const files = card.files.textures ? [...FILES, 'textures'] : FILES;
  const parts = await Promise.all(files.map(async (name) => [
    name, tensors(await file(open, name, card.files[name].digest, count(name))),
  ]));
  return { card, ...Object.fromEntries(parts) };
}

/** The tensors of a pack's light branch. As `loadPack`. */
export async function loadLight(open, card, onBytes = () => {}) {
  return tensors(await file(open, 'light', card.files.light.digest, onBytes));
}

async function got(open, name) {
  const response = await open(name);
  if (!response.ok) throw new PackError(`${name} is not there: ${response.status}`);
  return response;
}

async function file(open, name, digest, onBytes) {
  const cache = await globalThis.caches?.open(KEPT).catch(() => null); // a private window: none
  const key = `/${digest}`;
  const kept = await cache?.match(key);
  if (kept) return kept.arrayBuffer();
  const bytes = await read(await got(open, `${name}.safetensors`), onBytes);
  const found = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hex = [...found].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (hex !== digest) throw new PackError(`${name} came damaged: its digest is not the card's`);
  await cache?.put(key, new Response(bytes)).catch(() => {}); // no room: it is fetched again
  return bytes;
}

async function read(response, onBytes) {
  const total = Number(response.headers.get('Content-Length'));
  const chunks = [];
  let bytes = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    bytes += value.length;
    onBytes(bytes, Math.max(bytes, total));
  }
  return new Blob(chunks).arrayBuffer();
}

/** The tensors of a safetensors file: a header's length, a header in JSON, numbers. */
export function tensors(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  const found = new Map();
  for (const [name, about] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: [from, to] } = about;
    if (!(dtype in KINDS)) throw new PackError(`tensor ${name} is ${dtype}, expected ${Object.keys(KINDS).join(' or ')}`);
    const Kind = KINDS[dtype];
    const begin = 8 + size + from;
    const whole = begin % Kind.BYTES_PER_ELEMENT === 0;
    const data = whole ? new Kind(buffer, begin, (to - from) / Kind.BYTES_PER_ELEMENT)
      : new Kind(buffer.slice(begin, 8 + size + to));
    found.set(name, { shape, data });
  }
  return found;
}
