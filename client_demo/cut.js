// A face cut out: the picture comes twice as high, its alpha below its colours, and is drawn as one
// with real transparency ("Transparency" in docs/protocol.md).

const AT_ZERO = 6 / 255; // alpha that a lossy video leaves where nothing is
const AT_ONE = 249 / 255; // and where all is

const VERTEX = `
attribute vec2 corner;
varying vec2 at;
void main() {
  at = vec2(corner.x + 1.0, 1.0 - corner.y) / 2.0;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

// A half ends half a pixel before the other begins, or they would run into one another.
const FRAGMENT = `
precision mediump float;
varying vec2 at;
uniform sampler2D picture;
uniform float edge;
void main() {
  float y = clamp(at.y / 2.0, edge, 0.5 - edge);
  float alpha = texture2D(picture, vec2(at.x, y + 0.5)).g;
  alpha = clamp((alpha - ${AT_ZERO}) / ${AT_ONE - AT_ZERO}, 0.0, 1.0);
  gl_FragColor = vec4(min(texture2D(picture, vec2(at.x, y)).rgb, alpha), alpha);
}`;

/** Draws frames by the graphics card; null where the browser has none to give. */
function byCard(canvas) {
  const gl = canvas.getContext('webgl', { antialias: false }); // alpha, premultiplied: as it comes
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  const corner = gl.getAttribLocation(program, 'corner');
  gl.enableVertexAttribArray(corner);
  gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
    gl.texParameteri(gl.TEXTURE_2D, axis, gl.CLAMP_TO_EDGE);
  }
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  const edge = gl.getUniformLocation(program, 'edge');
  return (video) => {
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.uniform1f(edge, 0.5 / video.videoHeight);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, video);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  };
}

/** Draws frames without one, by the page itself. */
function byHand(canvas) {
  const ink = canvas.getContext('2d');
  const whole = document.createElement('canvas');
  const stacked = whole.getContext('2d', { willReadFrequently: true });
  return (video) => {
    const { width, height } = canvas;
    Object.assign(whole, { width, height: 2 * height });
    stacked.drawImage(video, 0, 0);
    const picture = stacked.getImageData(0, 0, width, height);
    const grey = stacked.getImageData(0, height, width, height).data;
    const { data } = picture;
    for (let i = 0; i < data.length; i += 4) {
      const alpha = (grey[i + 1] / 255 - AT_ZERO) / (AT_ONE - AT_ZERO);
      data[i + 3] = 255 * alpha; // canvases keep colours as they are before alpha multiplies them
      for (let c = i; c < i + 3 && alpha > 0; c += 1) data[c] /= alpha;
    }
    ink.putImageData(picture, 0, 0);
  };
}

let begun = false;

/** Draws every frame of the video on the canvas from now on, whatever call it comes from. */
export function cutOut(video, canvas) {
  if (begun) return;
  begun = true;
  const draw = byCard(canvas) ?? byHand(canvas);
  const show = () => {
    const [width, height] = [video.videoWidth, video.videoHeight >> 1];
    if (width && height) {
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      draw(video);
    }
    video.requestVideoFrameCallback(show);
  };
  video.requestVideoFrameCallback(show);
}
