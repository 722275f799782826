using System.Diagnostics;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Tests.Samples;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// Whether memory stays flat over many predictions, through one prediction engine and through the web API sample under parallel
/// load; over many training steps; and over many models that are loaded and disposed. A tiny model with random weights, so that
/// what leaks is not lost beside what is computed.
/// </summary>
internal static class SoakBenchmark
{
    /// <summary>
    /// Calls before the first that counts. What is called often is compiled anew for the first seconds, which a server, with
    /// more code and fewer calls, spends on more of them; heaps and pools reach their size meanwhile.
    /// </summary>
    private const int EngineWarmUp = 10_000, ServerWarmUp = 5_000;

    private const int Clients = 8;

    internal sealed class Input
    {
        public string ImagePath { get; set; } = "";
        public string Caption { get; set; } = "";
    }

    internal sealed class Output
    {
        public float[] TextEmbedding { get; set; } = [];
        public float[] Score { get; set; } = [];
    }

    /// <returns>Whether memory stayed flat in all of them, and results as they should be.</returns>
    public static async Task<bool> RunAsync(int predictions, int requests, int steps, int cycles)
    {
        torch.set_num_threads(1);                                             // the model is too small to be divided
        string folder = Directory.CreateTempSubdirectory("himo-soak").FullName;
        try
        {
            string image = Path.Combine(folder, "image.png"), zip = Path.Combine(folder, "model.zip");
            byte[] pixels = new byte[64 * 64 * 4];
            new Random(1).NextBytes(pixels);
            for (int i = 3; i < pixels.Length; i += 4)
            {
                pixels[i] = 255;
            }

            using (var drawn = MLImage.CreateFromPixels(64, 64, MLPixelFormat.Rgba32, pixels))
            {
                drawn.Save(image);
            }

            SaveModel(folder, zip);
            bool engine = OneEngine(zip, image, predictions), web = await WebAsync(zip, image, requests);
            bool training = TrainingSoak.OneTraining(steps) & TrainingSoak.TwoAtATime(Math.Min(steps, 200));
            bool lifetimes = LifetimeSoak.LoadAndDispose(zip, image, cycles) & LifetimeSoak.DisposeInTheMidst(zip, image, Math.Max(cycles / 10, 1));
            return engine && web && training && lifetimes;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void SaveModel(string folder, string zip)
    {
        string checkpoint = Path.Combine(folder, "tiny.safetensors");
        using (var model = new ClipModel(new(32, 32, [1], 64, 8, 64, 1)))
        using (FileStream file = File.Create(checkpoint))
        {
            model.Initialize(new torch.Generator(1));
            ClipWeights.Save(model, file);
        }
        var mlContext = new MLContext();
        IDataView none = mlContext.Data.LoadFromEnumerable(Array.Empty<Input>());
        using HiMoClipTransformer classifier = mlContext.Transforms.HiMoClip(checkpoint, labels: ["red", "green", "blue"]).Fit(none);
        mlContext.Model.Save(classifier, none.Schema, zip);
    }

    private static bool OneEngine(string zip, string image, int predictions)
    {
        Console.WriteLine($"{predictions} predictions through one engine, after {EngineWarmUp} to warm up");
        var mlContext = new MLContext();
        using PredictionEngine<Input, Output> engine = mlContext.Model.CreatePredictionEngine<Input, Output>(mlContext.Model.Load(zip, out _));
        var input = new Input { ImagePath = image, Caption = "Two colours. The top is red. The bottom is green." };
        var curve = new MemoryCurve(predictions, () => torch.Tensor.TotalCount);
        using var self = Process.GetCurrentProcess();
        for (int i = 1 - EngineWarmUp; i <= predictions; i++)
        {
            engine.Predict(input);
            curve.Done(i, self);
        }
        return curve.IsFlat();
    }

    private static async Task<bool> WebAsync(string zip, string image, int requests)
    {
        Console.WriteLine($"{requests} requests to the web API from {Clients} clients, after {ServerWarmUp} to warm up");
        byte[] body = File.ReadAllBytes(image);
        using var web = new WebProgram(zip);
        var curve = new MemoryCurve(requests, null);
        int sent = -ServerWarmUp, done = -ServerWarmUp;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            while (Interlocked.Increment(ref sent) <= requests)
            {
                using var content = new ByteArrayContent(body);
                using HttpResponseMessage response = await web.Client.PostAsync("/classify", content);
                if (!response.IsSuccessStatusCode)
                {
                    throw new InvalidOperationException($"{response.StatusCode}: {await response.Content.ReadAsStringAsync()}\n{string.Join('\n', web.Log)}");
                }

                lock (curve)
                {
                    curve.Done(++done, web.Process);
                }
            }
        }));
        return curve.IsFlat();
    }
}
