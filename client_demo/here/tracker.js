// A thread that looks for a face in a camera's pictures, and says what it lends. No module: the
// tracker's own loader wants importScripts.
//
// Takes { files } first: the addresses of the tracker's files; then { picture, at, lips }, an
// ImageBitmap and when it was taken, seconds. Answers { ready }, then for each picture
// { driven, knows, trust, seen }; { error } if there is no going on.

const SAMPLED = 320; // pixels wide: enough to tell colours of lips by

let landmarker = null;
let following = null; // the module
let follower = null;
let canvas = null;

async function load({ bundle, loader, wasm, model }) {
  const { FaceLandmarker } = await import(bundle);
  following = await import('./motion/following.js');
  follower = new following.Follower();
  landmarker = await FaceLandmarker.createFromOptions(
    { wasmLoaderPath: loader, wasmBinaryPath: wasm },
    {
      baseOptions: { modelAssetPath: model },
      runningMode: 'VIDEO',
      numFaces: 1,
      outputFaceBlendshapes: true,
      outputFacialTransformationMatrixes: true,
    },
  );
  postMessage({ ready: true });
}

function coloursOf(picture, marks) {
  const height = Math.round((SAMPLED * picture.height) / picture.width);
  canvas ??= new OffscreenCanvas(SAMPLED, height);
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(picture, 0, 0, SAMPLED, height);
  return following.colours(context.getImageData(0, 0, SAMPLED, height), marks);
}

function look({ picture, at, lips }) {
  const { faceLandmarks, faceBlendshapes, facialTransformationMatrixes } = (
    landmarker.detectForVideo(picture, 1000 * at));
  let driven = null;
  const seen = faceLandmarks.length > 0;
  if (seen) {
    const marks = faceLandmarks[0].map(({ x, y }) => [x, y]);
    const scores = Object.fromEntries(
      faceBlendshapes[0].categories.map(({ categoryName, score }) => [categoryName, score]));
    const angles = following.anglesOf(facialTransformationMatrixes[0].data);
    driven = follower.follow({ at, scores, angles, ...coloursOf(picture, marks) }, lips);
  }
  picture.close();
  postMessage({ driven, knows: follower.knows, trust: follower.trust, seen });
}

onmessage = async ({ data }) => {
  try {
    if (data.files) await load(data.files);
    else if (data.rest) follower = new following.Follower();
    else look(data);
  } catch (error) {
    postMessage({ error: String(error?.message ?? error) });
  }
};
