using HiMo.MLNet;
using Microsoft.ML;
using Microsoft.ML.Data;

// himo-onnx MODEL IMAGE LABEL...: the engine, the label without a pipeline, and the probabilities in one.
string model = args[0], image = args[1];
string[] labels = args[2..];

using var embedder = ClipEmbedder.Load(model);
Console.WriteLine(embedder.Engine);
Console.WriteLine(embedder.CreateClassifier(labels).Classify(image).Label);

var mlContext = new MLContext();
IDataView images = mlContext.Data.LoadFromEnumerable([new { ImagePath = image }]);
using HiMoClipTransformer classifier = mlContext.Transforms.HiMoClip(model, labels: labels).Fit(images);
Console.WriteLine(string.Join(' ', classifier.Transform(images).GetColumn<float[]>("Score").Single()));
