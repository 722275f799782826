using HiMo.MLNet;
using Microsoft.ML;
using Microsoft.ML.Data;

// himo-onnx MODEL IMAGE LABEL...: the engine, the label without a pipeline, and the probabilities in one. The last two by the labels
// that an ML.NET zip was saved with, where none are given.
string model = args[0], image = args[1];
string[] labels = args[2..];

using var embedder = ClipEmbedder.Load(model);
Console.WriteLine(embedder.Engine);
Console.WriteLine((labels is [] ? embedder.SavedClassifier! : embedder.CreateClassifier(labels)).Classify(image).Label);

var mlContext = new MLContext();
IDataView images = mlContext.Data.LoadFromEnumerable([new { ImagePath = image }]);
ITransformer classifier = labels is [] ? mlContext.Model.Load(model, out _)
    : mlContext.Transforms.HiMoClip(model, labels: labels).Fit(images);
Console.WriteLine(string.Join(' ', classifier.Transform(images).GetColumn<float[]>("Score").Single()));
