// The recurrent network of the motion model: realtime_models/motion/lstm.py in JavaScript.

import { floats } from '../half.js';

const REST_MARGIN = 0.05;

const sigmoid = (z) => 0.5 * Math.tanh(0.5 * z) + 0.5;

/** Of x and as many weights from `at` on. Four sums: a single one waits for each of its additions. */
function dot(weights, at, x) {
  const whole = x.length - (x.length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 4) {
    a += weights[at + i] * x[i];
    b += weights[at + i + 1] * x[i + 1];
    c += weights[at + i + 2] * x[i + 2];
    d += weights[at + i + 3] * x[i + 3];
  }
  for (let i = whole; i < x.length; i += 1) a += weights[at + i] * x[i];
  return a + b + c + d;
}

export class Lstm {
  #mean;
  #scale;
  #layers = [];
  #outWeight;
  #outBias;
  #x;

  /** tensors: of a pack's motion model. */
  constructor({ hidden, layers, axes }, tensors) {
    const numbers = (name) => floats(tensors.get(name));
    this.#mean = numbers('input.mean');
    this.#scale = numbers('input.std').map((std) => 1 / std);
    this.#outWeight = numbers('output.weight');
    this.#outBias = numbers('output.bias');
    let inputs = this.#mean.length;
    for (let n = 0; n < layers; n += 1) {
      const bias = numbers(`lstm.bias_ih_l${n}`).map((value, i) => (
        value + numbers(`lstm.bias_hh_l${n}`)[i]));
      this.#layers.push({
        bias, inputs, hidden,
        fromInput: numbers(`lstm.weight_ih_l${n}`), fromHidden: numbers(`lstm.weight_hh_l${n}`),
        gates: new Float32Array(4 * hidden), h: new Float32Array(hidden), c: new Float32Array(hidden),
      });
      inputs = hidden;
    }
    this.#x = new Float32Array(this.#mean.length);
    this.activations = new Float32Array(axes.length); // the newest, in [0, 1]
  }

  /** One hop of features. */
  step(features) {
    let x = this.#x;
    for (let i = 0; i < x.length; i += 1) x[i] = (features[i] - this.#mean[i]) * this.#scale[i];
    for (const layer of this.#layers) {
      const { bias, inputs, hidden, fromInput, fromHidden, gates, h, c } = layer;
      for (let row = 0; row < 4 * hidden; row += 1) {
        gates[row] = bias[row] + dot(fromInput, row * inputs, x) + dot(fromHidden, row * hidden, h);
      }
      for (let i = 0; i < hidden; i += 1) { // gates in torch's order: in, forget, cell, out
        c[i] = sigmoid(gates[hidden + i]) * c[i] + sigmoid(gates[i]) * Math.tanh(gates[2 * hidden + i]);
        h[i] = sigmoid(gates[3 * hidden + i]) * Math.tanh(c[i]);
      }
      x = h;
    }
    for (let out = 0; out < this.activations.length; out += 1) {
      const z = this.#outBias[out] + dot(this.#outWeight, out * x.length, x);
      const stretched = (1 + 2 * REST_MARGIN) * sigmoid(z) - REST_MARGIN;
      this.activations[out] = Math.min(Math.max(stretched, 0), 1);
    }
  }
}
