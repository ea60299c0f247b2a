// A face cut out: the picture comes twice as high, its alpha below its colours, and is drawn as one
// with real transparency ("Transparency" in docs/protocol.md).

let begun = false;

/** Draws every frame of the video on the canvas from now on, whatever call it comes from. */
export function cutOut(video, canvas) {
  if (begun) return;
  begun = true;
  const work = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const ink = canvas.getContext('2d');
  const draw = () => {
    const { videoWidth: width, videoHeight } = video;
    const height = videoHeight >> 1;
    if (width && height) {
      if (canvas.width !== width || canvas.height !== height) {
        Object.assign(canvas, { width, height });
        Object.assign(work.canvas, { width, height: videoHeight });
      }
      work.drawImage(video, 0, 0);
      ink.putImageData(cut(work, width, height), 0, 0);
    }
    video.requestVideoFrameCallback(draw);
  };
  video.requestVideoFrameCallback(draw);
}

/** The colours come multiplied by alpha, and a canvas divides by it again. */
function cut(work, width, height) {
  const image = work.getImageData(0, 0, width, height);
  const { data } = image;
  const below = work.getImageData(0, height, width, height).data;
  for (let i = 0; i < data.length; i += 4) {
    const alpha = below[i];
    data[i + 3] = alpha;
    if (alpha === 255) continue;
    for (let c = i; c < i + 3; c += 1) data[c] = alpha ? (255 * data[c]) / alpha : 0;
  }
  return image;
}
