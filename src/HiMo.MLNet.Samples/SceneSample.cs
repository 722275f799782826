using HiMo.MLNet.Cli;
using HiMo.MLNet.Samples.Scenes;
using Microsoft.ML;

namespace HiMo.MLNet.Samples;

/// <summary>
/// Trains a small CLIP on the gists of scenes, fine-tunes it on their long captions, and shows with scenes of held-out drawings how the
/// similarity changes sentence by sentence, and what one false detail does to it.
/// </summary>
internal static class SceneSample
{
    private const int Size = 64, BatchSize = 128, TestScenes = 200, Shown = 3;

    /// <param name="output">The folder of the model, and of the test scenes as files.</param>
    /// <param name="count">How many scenes to train on.</param>
    /// <param name="cancellation">Ctrl+C.</param>
    public static void Run(string output, int count, CancellationToken cancellation)
    {
        string zip = Path.Combine(Directory.CreateDirectory(output).FullName, "scenes.zip"), folder = Path.Combine(output, "scenes");
        var renderer = SceneRenderer.Load(SceneData.Drawings);
        Scene[] test = [.. Scene.Sequence(seed: 1, SceneSplit.Test, distinct: true).Take(TestScenes)];
        SceneFiles.Write(folder, test, renderer, Size, cancellation);

        var mlContext = new MLContext(seed: 1);
        IDataView train = SceneData.Load(
            mlContext, Scene.Sequence(seed: 1, SceneSplit.Train, distinct: false).Take(count), renderer, Size);
        string gists = Path.Combine(output, "gists.safetensors");
        using (HiMoClipTransformer short_ = Train(mlContext, train, "gists", 10, cancellation, new()
        {
            Architecture = new ClipArchitecture(128, Size, [3], 128, Size / 4, 64, 2) { VisionHeadWidth = 32, TextHeadWidth = 32 },
            CaptionSampling = CaptionSampling.FirstSentence,
        }))
        {
            short_.SaveCheckpoint(gists);
        }

        using HiMoClipTransformer model = Train(mlContext, train, "long captions", 2, cancellation, new() { Checkpoint = gists });
        mlContext.Model.Save(model, train.Schema, zip);

        SceneCaption[] captions = [.. test.Select(SceneCaption.Of)];
        using ClipEmbedder clip = model.CreateEmbedder();
        float[][] images = clip.EmbedImages(test.Select((scene, i) => ClipImage.FromBytes(renderer.Png(scene, Size), $"scene {i}")),
            cancellation);
        float[][] Similarities(Func<int, IEnumerable<string>> texts) => [.. images.Select((image, i) =>
            clip.EmbedTexts(texts(i), cancellation).Select(text => ClipEmbedder.Similarity(image, text)).ToArray())];
        float[][] growing = Similarities(i => captions[i].Growing), pairs = Similarities(
            i => [captions[i].Text, captions[i].Falsified(test[i]).Text]);
        for (int i = 0; i < Shown; i++)
        {
            Show($"images/{i:d6}.png", captions[i], captions[i].Falsified(test[i]), growing[i], pairs[i][1]);
        }

        Console.WriteLine($"Of {TestScenes} test scenes, {growing.Count(s => s[^1] > s[0])} match their whole caption better than its "
            + $"first sentence, and {pairs.Count(pair => pair[0] > pair[1])} better than the caption with one detail false.");
        Console.WriteLine("Look at them, and at the similarity while a caption grows:");
        Console.WriteLine($"./himo web --model \"{zip}\" --images \"{Path.GetFullPath(Path.Combine(folder, "images"))}\" "
            + $"--example \"{captions[0].Text}\"");
    }

    private static HiMoClipTransformer Train(MLContext mlContext, IDataView train, string what, int epochs,
        CancellationToken cancellation, HiMoClipOptions options) => ProgressDisplay.Show(what, report =>
        {
            options.ImageColumnName = nameof(SceneRow.Image);
            options.CaptionColumnName = nameof(SceneRow.Caption);
            options.Epochs = epochs;
            options.BatchSize = BatchSize;
            options.LearningRate = 1e-3;
            options.Progress = new TrainingReport((done, total, note) => report(done, total, $"{what}, {note}"), epochs);
            options.CancellationToken = cancellation;
            return mlContext.Transforms.HiMoClip(options).Fit(train);
        });

    private static void Show(string image, SceneCaption caption, SceneCaption falsified, float[] growing, float withFalse)
    {
        Console.WriteLine($"{image}, after each sentence of its caption:");
        foreach ((SceneSentence sentence, float similarity) in caption.Sentences.Zip(growing))
        {
            Console.WriteLine($"  {similarity,6:f3} {sentence.Text}");
        }

        int changed = Enumerable.Range(0, growing.Length).First(i => caption.Sentences[i].Text != falsified.Sentences[i].Text);
        Console.WriteLine($"  {withFalse,6:f3} with sentence {changed + 1} false: {falsified.Sentences[changed].Text}");
    }
}
