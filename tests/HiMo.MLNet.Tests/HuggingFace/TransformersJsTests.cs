using System.Diagnostics;
using System.Text.Json;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Images;
using HiMo.MLNet.Tests.Samples;
using Microsoft.ML;
using TorchSharp;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.HuggingFace;

/// <summary>An exported folder in transformers.js: tests/transformersjs/check.mjs loads it from local files alone and compares.</summary>
public sealed class TransformersJsTests(ITestOutputHelper output) : IDisposable
{
    private static readonly string[] s_batch =
    [
        "", "a cat", "Two colours. The top is red. The bottom is YELLOW!", "12 cafés, 3 naïve co-operators & a 'quoted' dog's tail",
        "snow ❄ and 日本語", string.Join(' ', Enumerable.Repeat("a long caption that no model reads to its end", 40)),
    ];

    private readonly ToyImages _toys = new();

    public void Dispose() => _toys.Dispose();

    private string At(string name) => Path.Combine(_toys.Folder, name);

    [FactWithTransformersJs]
    public void Transformers_js_gives_the_same_ids_pixels_and_embeddings()
    {
        using (HiMoClipTransformer model = new MLContext().Transforms.HiMoClip(_toys.Checkpoint())
            .Fit(new MLContext().Data.LoadFromEnumerable(Array.Empty<ToyImages.Row>())))
        {
            model.SaveHuggingFace(At("folder"), OnnxPrecision.Float32, OnnxPrecision.Float16, OnnxPrecision.Int8);
            File.WriteAllText(At("expected.json"), JsonSerializer.Serialize(Expected(model)));
        }

        using Process node = Process.Start(new ProcessStartInfo(
            "node", [Path.Combine(FactWithTransformersJsAttribute.Folder, "check.mjs"), At("folder"), At("expected.json")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var result = ProgramResult.Of(node);

        output.WriteLine(result.Output);
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
    }

    private object Expected(HiMoClipTransformer model)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        using ClipEmbedder embedder = model.CreateEmbedder();
        long[] shape = [2, 3, 32, 32];
        float[] values = [.. Enumerable.Range(0, 2 * 3 * 32 * 32).Select(i => MathF.Sin(i) + (i % 7 / 4f))];
        Tensor embeddings = nn.functional.normalize(model.Encoder.Weights.EncodeImage(tensor(values, shape)), dim: 1);

        // An image of the model's size, which is neither resized nor cut.
        byte[] planes = new byte[3 * 32 * 32];
        model.Encoder.Planes.Read(new ImageSource(_toys.Rows[1].ImagePath, null), planes);
        float[] pixels = new float[planes.Length];
        ClipPreprocessor.Normalize(planes, pixels, 32 * 32);
        return new
        {
            texts = s_batch.Select(text => (Text: text, Ids: embedder.Tokenize(text))).Concat(RepairedTexts())
                .Select(text => new { text = text.Text, ids = text.Ids.Take(246).Prepend(49_406).Append(49_407) }),
            batch = s_batch.Zip(embedder.EmbedTexts(s_batch), (text, embedding) => new { text, embedding }),
            pixels = new { values, shape, embeddings = embeddings.data<float>().ToArray().Chunk(32) },
            image = new
            {
                bytes = Enumerable.Range(0, planes.Length).Select(i => (int)planes[(i % 3 * 32 * 32) + (i / 3)]),
                size = 32,
                pixels,
            },
            dtypes = new Dictionary<string, double> { [""] = 1e-4, ["fp32"] = 1e-4, ["fp16"] = 0.01, ["int8"] = 0.05 },
        };
    }

    /// <summary>
    /// The texts of the golden file as they are after repair, with all kinds of characters in them, and the original's ids. But one: the
    /// original knows the start token with a long s, too.
    /// </summary>
    private static IEnumerable<(string Text, IReadOnlyList<int> Ids)> RepairedTexts()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(GoldenFile.PathOf("text.expected.json")));
        return [.. golden.RootElement.EnumerateArray()
            .Where(text => text.TryGetProperty("text", out JsonElement _))
            .Select(text => (Clean: text.GetProperty("clean").GetString()!, Ids: text.GetProperty("ids").Deserialize<int[]>()!))
            .Where(text => text.Clean != "<|ſtartoftext|>")
            .Select(text => (text.Clean, (IReadOnlyList<int>)text.Ids))];
    }
}
