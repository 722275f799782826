// node check.mjs FOLDER EXPECTED.json
// Loads an exported folder in transformers.js, from local files alone, and compares token ids and normalised embeddings with what
// HiMo.MLNet expects of them. Ends with 1 and says what differs, if anything does.
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { AutoTokenizer, CLIPTextModelWithProjection, CLIPVisionModelWithProjection, AutoProcessor, RawImage, Tensor, env } from '@huggingface/transformers';

const [folder, expectedPath] = process.argv.slice(2).map((path) => resolve(path));
env.allowRemoteModels = false;
env.localModelPath = dirname(folder);
const name = basename(folder);
// texts: each with its ids, start and end included. batch: texts with their embeddings, padded by the tokenizer. pixels: of shape
// (images, 3, size, size), with their embeddings. image: red, green, blue bytes of size x size and its pixels.
// dtypes: of the graphs, each with the largest difference that is allowed; an empty one is the folder's own.
const expected = JSON.parse(readFileSync(expectedPath, 'utf8'));
let failures = 0;

function report(what, ok, detail) {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}: ${detail}`);
  failures += ok ? 0 : 1;
}

function normalized(tensor) {
  return tensor.normalize(2, -1).tolist();
}

function difference(found, wanted) {
  return Math.max(...found.map((row, i) => Math.max(...row.map((value, j) => Math.abs(value - wanted[i][j])))));
}

const tokenizer = await AutoTokenizer.from_pretrained(name);

// transformers.js cuts a text that is too long with its end token, which the model reads it off at; the padding is end tokens, too.
function tokenize(texts) {
  const { input_ids } = tokenizer(texts, { padding: true, truncation: true });
  const length = input_ids.dims[1];
  for (let end = length - 1; end < input_ids.data.length; end += length) {
    input_ids.data[end] = BigInt(tokenizer.eos_token_id);
  }

  return { input_ids };
}

const different = expected.texts.filter(({ text, ids }) => {
  const found = tokenize([text]).input_ids.tolist()[0].map(Number);
  return found.length !== ids.length || found.some((id, i) => id !== ids[i]);
});
report('ids', different.length === 0, `${expected.texts.length} texts, ${different.length} differ ${JSON.stringify(different.slice(0, 3).map(({ text }) => text.slice(0, 60)))}`);

const processor = await AutoProcessor.from_pretrained(name);
const { bytes, size, pixels } = expected.image;
const { pixel_values } = await processor(new RawImage(Uint8ClampedArray.from(bytes), size, size, 3));
const pixelDifference = difference([Array.from(pixel_values.data)], [pixels]);
report('pixels', pixelDifference < 1e-5, `largest difference ${pixelDifference.toExponential(1)}`);

for (const [dtype, allowed] of Object.entries(expected.dtypes)) {
  const options = dtype === '' ? {} : { dtype };
  const textModel = await CLIPTextModelWithProjection.from_pretrained(name, options);
  const { text_embeds } = await textModel(tokenize(expected.batch.map(({ text }) => text)));
  const textDifference = difference(normalized(text_embeds), expected.batch.map(({ embedding }) => embedding));
  report(`texts ${dtype}`, textDifference <= allowed, `largest difference ${textDifference.toExponential(1)}`);

  const visionModel = await CLIPVisionModelWithProjection.from_pretrained(name, options);
  const { values, shape, embeddings } = expected.pixels;
  const { image_embeds } = await visionModel({ pixel_values: new Tensor('float32', Float32Array.from(values), shape) });
  const imageDifference = difference(normalized(image_embeds), embeddings);
  report(`images ${dtype}`, imageDifference <= allowed, `largest difference ${imageDifference.toExponential(1)}`);
}

process.exitCode = failures === 0 ? 0 : 1;
